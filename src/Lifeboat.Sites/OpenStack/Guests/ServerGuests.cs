// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Qemu;
using Lifeboat.Qemu.Libvirt;
using Lifeboat.Sites.Qemu;
using Lifeboat.Sites.Qemu.Adopting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Guests;

/// <summary>
/// Servers as the libvirt of their compute host has them: their monitor, their disks' devices, their guest agents.
/// Nova gives a domain the server's id as its uuid.
/// </summary>
/// <param name="libvirt">Connection URI; null: it is not known, and nobody is asked.</param>
internal sealed partial class ServerGuests(string? libvirt, TimeProvider time, ILogger<ServerGuests> logger)
{
    private static readonly QmpOptions Patience =
        QmpOptions.Default with { ConnectLimit = TimeSpan.FromSeconds(3), CommandLimit = TimeSpan.FromSeconds(10) };

    /// <summary>Stands where a socket path may; null: libvirt is not known.</summary>
    public string? AddressOf(string server) =>
        libvirt is null ? null : new LibvirtAddress(libvirt, server).ToString();

    /// <summary>
    /// The instance with the names under which its monitor has its disks. Volumes are known by their serials; the one
    /// without a volume, made by Nova from the image, by what it is called where there are others of Nova's.
    /// </summary>
    public async Task<SiteInstance> WithDevicesAsync(SiteInstance instance, string server, CancellationToken ct)
    {
        if (AddressOf(server) is not { } address) return instance;
        try
        {
            await using var qmp = await QmpClient.ConnectAsync(address, Patience, time, ct);
            var read = await new DiskReader(new ObjectTree(qmp), instance.Name, path => path).ReadAsync(ct);
            return instance with
            {
                Disks = [.. instance.Disks.Select(d => DeviceOf(d, instance.Description, read) is { } found
                    ? d with
                    {
                        Device = found.Record.Device, SizeBytes = found.Description.SizeBytes,
                        Identity = IdentityOf(found),
                    } : d)],
            };
        }
        catch (Exception e) when (e is QmpException or SiteException)
        {
            // What Nova knows of it is true all the same; whoever captures it says why that does not go.
            LogSilent(instance.Name, e.Message);
            return instance;
        }
    }

    /// <exception cref="SiteException">AgentUnreachable, Refused.</exception>
    public async Task<T> AskAgentAsync<T>(string instance, string server, Func<GuestAgentClient, Task<T>> ask)
    {
        if (AddressOf(server) is not { } address)
            throw new SiteException(SiteFault.AgentUnreachable, $"{instance}: options.libvirt does not say which "
                + "libvirt the servers run in, so that guests cannot be asked");
        try
        {
            return await ask(new GuestAgentClient(address, Patience, time));
        }
        catch (QmpException e)
        {
            throw new SiteException(e.Fault == QmpFault.Refused ? SiteFault.Refused : SiteFault.AgentUnreachable,
                $"{instance}: {e.Message}", e);
        }
    }

    internal static ReadDisk? DeviceOf(SiteDisk disk, InstanceDescription description, IReadOnlyList<ReadDisk> read)
    {
        var volumes = description.Disks.Select(d => d.Serial).OfType<string>().ToList();
        var serial = description.Disks.FirstOrDefault(d => d.Name == disk.Name)?.Serial;
        if (serial is not null) return read.FirstOrDefault(r => r.Description.Serial == serial);
        var local = read.Where(r => volumes.All(v => v != r.Description.Serial)).ToList();
        return local is [var only] ? only : local.Where(IsRoot).ToList() is [var root] ? root : null;
    }

    private static DiskIdentity IdentityOf(ReadDisk disk) => disk.Description.Serial is { } serial
        ? new DiskIdentity(serial, null) : new DiskIdentity(null, disk.Image.Length > 0 ? disk.Image : null);

    // Nova's names, in files as in Ceph and LVM; beside it may be `disk.rescue`, `disk.eph0`, `disk.swap`.
    private static bool IsRoot(ReadDisk disk) => disk.Image.EndsWith("/disk", StringComparison.Ordinal)
        || disk.Image.EndsWith("_disk", StringComparison.Ordinal);

    [LoggerMessage(EventIds.MonitorSilent, LogLevel.Warning,
        "The monitor of {Instance} cannot be asked for its disks: {Reason}")]
    private partial void LogSilent(string instance, string reason);
}
