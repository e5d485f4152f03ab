// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;

namespace Lifeboat.Sites;

/// <summary>
/// A cloud or host set that runs instances. Every call may be repeated, also after a restart of the controller, and
/// then ends in the same state (I8). Failures are <see cref="SiteException"/>. What not every platform can do is a
/// capability interface of its own, found by type test.
/// </summary>
public interface ISite
{
    /// <summary>All instances the site knows, running or not.</summary>
    Task<IReadOnlyList<SiteInstance>> ListAsync(CancellationToken ct);
    /// <exception cref="SiteException">InstanceUnknown.</exception>
    Task<SiteInstance> GetAsync(string instance, CancellationToken ct);
    /// <summary>Starts an instance; one that already runs from the same start request is left alone.</summary>
    Task<SiteInstance> StartAsync(StartRequest request, CancellationToken ct);
    /// <summary>Stops it hard. When it returns it can no longer write. Stopping what is stopped or unknown
    /// succeeds.</summary>
    Task StopAsync(string instance, CancellationToken ct);
    /// <summary>Stops it and removes the site's record and files of it. Its user's own disks are left
    /// alone. An adopted instance is only forgotten: it runs on as its user started it.</summary>
    Task RemoveAsync(string instance, CancellationToken ct);
    /// <summary>
    /// Asks the guest to shut down and waits until it has: all its writes are done and flushed, and the disks stay open
    /// and captured until <see cref="StopAsync"/>.
    /// </summary>
    /// <exception cref="SiteException">Timeout: the guest did not; it is left as it is.</exception>
    Task ShutDownAsync(string instance, TimeSpan limit, CancellationToken ct);
    /// <summary>
    /// Whether instances can run here together: what one of them leaves of memory, quotas and addresses counts for the
    /// next. What of theirs is here already, from an earlier attempt, is not asked for twice. Changes nothing.
    /// </summary>
    /// <param name="isolated">As copies in a bubble, else in the production networks.</param>
    Task<SiteFit> FitAsync(IReadOnlyList<InstanceDescription> instances, bool isolated, CancellationToken ct);
}

/// <summary>Whether instances can run at a site together; every sentence names the instances that it is of.</summary>
/// <param name="Gaps">What would keep them from it (memory, networks, boot files); empty when nothing would.</param>
/// <param name="Notes">What will be made or different here, and what the site is not told.</param>
public sealed record SiteFit(IReadOnlyList<string> Gaps, IReadOnlyList<string> Notes)
{
    public static readonly SiteFit Whole = new([], []);

    /// <summary>One sentence for all instances that it is true of, in the order in which it was first said.</summary>
    public static IReadOnlyList<string> Said(IEnumerable<(string Instance, string Sentence)> sentences) =>
    [
        .. sentences.Distinct().GroupBy(s => s.Sentence, StringComparer.Ordinal)
            .Select(g => $"{string.Join(", ", g.Select(s => s.Instance))}: {g.Key}"),
    ];
}

/// <summary>Can take in a running instance that it did not start.</summary>
public interface IAdoptsInstances
{
    /// <summary>Reads the description from the running instance; touches nothing in it.</summary>
    Task<SiteInstance> AdoptAsync(AdoptRequest request, CancellationToken ct);
}

/// <summary>Can see disks that were plugged into a running instance after the site got to know it.</summary>
public interface ISeesPluggedDisks
{
    /// <summary>Disks that a running instance has now and the site's record of it has not. Changes nothing.</summary>
    /// <exception cref="SiteException">InstanceUnknown, MonitorUnreachable, Timeout.</exception>
    Task<IReadOnlyList<PluggedDisk>> PluggedAsync(string instance, CancellationToken ct);
    /// <summary>Puts such a disk into the site's record; one that is there already stays as it is.</summary>
    /// <exception cref="SiteException">As above; Refused: it has no such disk, or one of an unknown kind.</exception>
    Task<SiteInstance> TakeInAsync(string instance, string disk, CancellationToken ct);
}

/// <summary>Can make isolated networks for drills.</summary>
public interface IMakesBubbles
{
    /// <summary>Networks named like the production ones, without uplink, with DHCP of their own.</summary>
    Task CreateBubbleAsync(string bubble, IReadOnlyList<InstanceDescription> members, CancellationToken ct);
    /// <summary>The guarded way in: TCP to one port of one instance, nothing out.</summary>
    /// <param name="from">IPv4 addresses that are let in at most, as a CIDR.</param>
    /// <returns>`address:port` that leads there until the bubble is deleted.</returns>
    Task<string> OpenWayInAsync(string bubble, string instance, int port, string from, CancellationToken ct);
    /// <summary>Removes namespace, processes, mounts and files of the bubble. Removing what is gone succeeds.</summary>
    Task DeleteBubbleAsync(string bubble, CancellationToken ct);
    /// <summary>What is left of a bubble (processes, namespaces, files); empty when it left no trace.</summary>
    Task<IReadOnlyList<string>> TracesAsync(string bubble, CancellationToken ct);
}

/// <summary>Can boot an instance again that was shut down by us and not stopped since.</summary>
public interface IRestartsInstances
{
    /// <summary>Boots it from the disks it has. One that runs is left alone.</summary>
    /// <exception cref="SiteException">Refused: it was stopped, there is nothing to boot.</exception>
    Task RestartAsync(string instance, CancellationToken ct);
}

/// <summary>Can move the disks of a running instance from a point-in-time view into volumes of its own.</summary>
public interface IMovesToNative
{
    /// <summary>Returns when every disk is native and the view is no longer used. Repeating goes on where it
    /// was.</summary>
    Task MoveToNativeAsync(string instance, IProgress<double> progress, CancellationToken ct);
}

/// <summary>
/// Starts an instance that it has already, and that is stopped, from its own disks with another content, where the
/// request says that what they hold is held elsewhere (<see cref="DiskSource.Held"/>). Says so by
/// <see cref="SiteInstance.Stint"/> and by images that can be read (<see cref="SiteDisk.File"/>).
/// </summary>
public interface IWritesOverDisks
{
    bool WritesOver { get; }
}

/// <summary>Can move a running instance from one of the site's hosts to another.</summary>
public interface IMigratesInstances
{
    /// <summary>
    /// Returns when it runs there and nowhere else. Change maps in it go along where the platform can do that. Nobody
    /// may capture its disks; what an agent that is gone has left in it is ended first. Repeating it, or asking again
    /// after it was cut short, ends in the same state.
    /// </summary>
    /// <exception cref="SiteException">It could not be moved, and runs on where it was.</exception>
    Task MigrateAsync(string instance, string host, CancellationToken ct);
}

/// <summary>Can look into a running guest, for verification.</summary>
public interface IProbesGuests
{
    Task<bool> AgentAnswersAsync(string instance, CancellationToken ct);
    /// <summary>IPv4 addresses the guest says it has, by MAC (lower case).</summary>
    Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> AddressesAsync(string instance, CancellationToken ct);
    /// <summary>Connects from inside the instance's network to one of its TCP ports.</summary>
    Task<bool> TcpAnswersAsync(string instance, int port, CancellationToken ct);
    /// <summary>Runs a command in the guest through its agent.</summary>
    Task<GuestCommandResult> RunInGuestAsync(string instance, IReadOnlyList<string> command, TimeSpan limit,
        CancellationToken ct);
}

public sealed record GuestCommandResult(int ExitCode, string Output);

public enum SiteFault
{
    InstanceUnknown = 1,
    InstanceExists = 2,
    MonitorUnreachable = 3,
    AgentUnreachable = 4,
    Timeout = 5,
    NoSpace = 6,
    BootFileMissing = 7,
    NetworkUnknown = 8,
    Refused = 9,
    ToolMissing = 10,
    CloudUnavailable = 11,
    CloudUnauthorised = 12,
    QuotaExceeded = 13,
    NoRoom = 14,
    BuildFailed = 15,
}

public sealed class SiteException(SiteFault fault, string message, Exception? cause = null) : Exception(message, cause)
{
    public SiteFault Fault => fault;
}
