// SPDX-License-Identifier: Apache-2.0
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;
using Lifeboat.Protection;
using Lifeboat.Sites;
using Lifeboat.Sites.Qemu.Host;

namespace Lifeboat.Cli.Doctor;

/// <summary>Looks at a site from its directory on this host; changes nothing, and needs nothing to run.</summary>
internal sealed class SiteExamination(SitePaths paths, TimeProvider time)
{
    private const double LeastFree = 0.1;
    private static readonly TimeSpan Answers = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ExpiresSoon = TimeSpan.FromDays(30);
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead
        | UnixFileMode.OtherWrite;

    public async Task<IReadOnlyList<Finding>> LookAsync(CancellationToken ct) =>
    [
        Configuration(), await ControllerAsync(ct), await AgentAsync(ct), Database(), .. Secrets(), .. Room(),
        await ProgramAsync("qemu-system-x86_64", "qemu-system-x86", ct),
        await ProgramAsync("qemu-storage-daemon", "qemu-utils", ct),
        await ProgramAsync("ip", "iproute2", ct, "-V"), await ProgramAsync("nft", "nftables", ct),
        await AccelerationAsync(),
        new("system", $"{RuntimeInformation.OSDescription}, {Environment.ProcessorCount} CPUs, "
            + RuntimeInformation.FrameworkDescription),
    ];

    /// <summary>What a running controller says is wrong.</summary>
    public IReadOnlyList<Finding> Of(SiteInfo site, StatusInfo status) =>
    [
        .. site.Peers.Select(p => p.Reachable ? new Finding($"site {p.Name}", p.ControllerUrl)
            : new($"site {p.Name}", p.ControllerUrl, $"does not answer: {Show.Name(p.Reason)}",
                "Look whether its controller runs, and whether a firewall is between them.")),
        .. site.Certificates.Select(Certificate),
        .. status.Groups.Select(g => g is { Recoverable: Recoverable.Yes, Advice: "nothing" }
            ? new Finding($"group {g.Group}", Show.Name(g.State))
            : new($"group {g.Group}", Show.Name(g.State), g.Detail ?? Show.Name(g.Reason), g.Advice)),
        .. status.Alerts.Select(a => new Finding($"alert {Show.Name(a.Kind)}", a.Subject, a.Summary, a.Advice)),
    ];

    private Finding Configuration()
    {
        try
        {
            var site = SiteConfiguration.Read(paths.Root);
            return new("site.json", $"site {site.Name}, driver {site.Driver}");
        }
        catch (ProblemException e)
        {
            return new("site.json", null, Told(e), e.Detail ?? "Mend the file.");
        }
    }

    private Task<Finding> ControllerAsync(CancellationToken ct) => AnswersAsync("controller", paths.ControllerSocket,
        async limit =>
        {
            using var client = new ControllerClient(paths.ControllerSocket);
            var site = await client.SiteAsync(limit);
            return $"version {site.Version}, pid {site.ProcessId}, up since {Show.Time(site.StartedAt)}";
        }, ct);

    private Task<Finding> AgentAsync(CancellationToken ct) => AnswersAsync("agent", paths.AgentSocket, async limit =>
    {
        using var client = new AgentClient(paths.AgentSocket);
        var agent = await client.StatusAsync(limit);
        return $"version {agent.Version}, pid {agent.ProcessId}, {agent.Sources.Count} sources, "
            + $"{agent.Replicas.Count} replicas";
    }, ct);

    private async Task<Finding> AnswersAsync(string what, string socket, Func<CancellationToken, Task<string>> askAsync,
        CancellationToken ct)
    {
        var advice = $"lifeboat -d {paths.Root} site start; why it ended is at the end of {paths.Logs}/{what}.log";
        if (!File.Exists(socket)) return new(what, socket, "does not run", advice);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Answers);
        try
        {
            return new(what, await askAsync(limit.Token));
        }
        catch (ProblemException e)
        {
            return new(what, socket, e.Message, advice);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new(what, socket, $"does not answer within {Answers.TotalSeconds:0} s", advice);
        }
    }

    private Finding Database()
    {
        try
        {
            var state = DatabaseCare.Check(paths.Root, time);
            return new("database", $"{state.Engine}, {state.Documents} documents", state.Faults.Count == 0 ? null
                : string.Join("; ", state.Faults), "lifeboat db restore --replace, or mend each by hand");
        }
        catch (ProblemException e)
        {
            return new("database", null, Told(e), e.Detail ?? "lifeboat db check");
        }
    }

    // Whoever reads one of these is the site.
    private IEnumerable<Finding> Secrets()
    {
        foreach (var path in new[] { paths.CaKey, paths.ControllerKey, paths.AgentKey, paths.SiteKey })
        {
            var name = Path.GetRelativePath(paths.Root, path);
            if (!File.Exists(path))
                yield return new(name, null, "is missing", "Restore it from a backup; without it nobody believes us.");
            else if ((File.GetUnixFileMode(path) & Others) != 0)
                yield return new(name, null, "can be read by others", $"chmod 600 {path}");
            else yield return new(name, "mode 0600");
        }
    }

    private IEnumerable<Finding> Room()
    {
        foreach (var path in new[] { paths.Root, paths.Replicas, paths.AgentState }.Where(Directory.Exists))
        {
            var drive = new DriveInfo(path);
            var free = (double)drive.AvailableFreeSpace / drive.TotalSize;
            yield return new($"room at {Path.GetRelativePath(paths.Root, path)}",
                $"{Show.Bytes(drive.AvailableFreeSpace)} of {Show.Bytes(drive.TotalSize)} free",
                free < LeastFree ? $"only {free:P0} is free" : null,
                "Shorten retention, or give it more room: when it is full history is given up before guests wait.");
        }
    }

    private static async Task<Finding> ProgramAsync(string program, string package, CancellationToken ct,
        string version = "--version")
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, version)
            {
                RedirectStandardOutput = true, RedirectStandardError = true,
            })!;
            var said = await process.StandardOutput.ReadToEndAsync(ct) + await process.StandardError.ReadToEndAsync(ct);
            await process.WaitForExitAsync(ct);
            return new(program, said.Split('\n')[0].Trim());
        }
        catch (Win32Exception)
        {
            return new(program, null, "is not installed", $"apt-get install {package}");
        }
    }

    // That the device is there says little: see the probe. Emulation is slow, and no fault.
    private async Task<Finding> AccelerationAsync()
    {
        const string emulated = "instances run under emulation (TCG)";
        if (!File.Exists("/dev/kvm")) return new("KVM", $"/dev/kvm is not there: {emulated}");
        try
        {
            return new("KVM", await new KvmProbe("qemu-system-x86_64", time).WorksAsync("max")
                ? "works" : $"/dev/kvm is there, but guests do not run under it: {emulated}");
        }
        catch (SiteException e)
        {
            return new("KVM", $"/dev/kvm is there; it cannot be tried: {e.Message}");
        }
    }

    private Finding Certificate(CertificateInfo certificate)
    {
        var left = certificate.NotAfter - time.GetUtcNow();
        return new($"{certificate.Role} certificate of {certificate.Site}", $"until {Show.Time(certificate.NotAfter)}",
            left < TimeSpan.Zero ? "is over" : left < ExpiresSoon ? $"is over in {left.TotalDays:0} days" : null,
            $"lifeboat site rotate-certificates{(certificate.Role == "ca" ? " --ca" : "")} at {certificate.Site}");
    }

    private static string Told(ProblemException e) =>
        e.Errors is { Count: > 0 } errors ? $"{e.Message}: {string.Join("; ", errors)}" : e.Message;
}
