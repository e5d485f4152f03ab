// SPDX-License-Identifier: Apache-2.0
using System.ComponentModel;
using System.Diagnostics;
using Lifeboat.Agent.Processes;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;

namespace Lifeboat.Agent.Systemd;

/// <summary>The services of a site, as they are installed on this machine: of its directory and of its further
/// agents.</summary>
public sealed class SiteServices
{
    /// <summary>Where an administrator's units are (systemd.unit(5)).</summary>
    public const string UnitDirectory = "/etc/systemd/system";

    private readonly IReadOnlyList<ServiceUnit> _units;

    private SiteServices(IReadOnlyList<ServiceUnit> units) => _units = units;

    public static SiteServices Of(string siteDirectory) => new([.. Units(siteDirectory)]);

    /// <summary>Whether this machine was booted with systemd (sd_booted(3)).</summary>
    public bool CanRun => Directory.Exists("/run/systemd/system");

    public IReadOnlyList<string> Installed =>
        [.. _units.Select(u => u.Name).Where(n => File.Exists(Path.Combine(UnitDirectory, n)))];

    public Task StartAsync(CancellationToken ct) => SystemctlAsync(["start", .. Installed], ct);

    public Task StopAsync(CancellationToken ct) => SystemctlAsync(["stop", .. Installed], ct);

    /// <summary>Writes the unit; where systemd runs, it also starts now and with the machine.</summary>
    /// <returns>The file written.</returns>
    /// <exception cref="ProblemException">InvalidRequest: it cannot be written there; Unexpected: systemd refused.
    /// </exception>
    public static async Task<string> InstallAsync(ServiceUnit unit, string directory, bool start, CancellationToken ct)
    {
        var path = Path.Combine(directory, unit.Name);
        try
        {
            await File.WriteAllTextAsync(path, unit.Text(), ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(ReasonCode.InvalidRequest, $"{path} cannot be written", e.Message, cause: e);
        }
        if (start)
        {
            await SystemctlAsync(["daemon-reload"], ct);
            await SystemctlAsync(["enable", "--now", unit.Name], ct);
        }
        return path;
    }

    /// <summary>Stops the service and takes its unit away. Instances go on. One that is not installed is fine.
    /// </summary>
    public static async Task UninstallAsync(ServiceUnit unit, string directory, bool stop, CancellationToken ct)
    {
        var path = Path.Combine(directory, unit.Name);
        if (!File.Exists(path)) return;
        if (stop) await SystemctlAsync(["disable", "--now", unit.Name], ct);
        File.Delete(path);
        if (stop) await SystemctlAsync(["daemon-reload"], ct);
    }

    private static IEnumerable<ServiceUnit> Units(string siteDirectory)
    {
        var site = new SitePaths(Path.GetFullPath(siteDirectory));
        foreach (var paths in site.FurtherHosts().Select(site.OfHost).Prepend(site))
        {
            if (!File.Exists(paths.Configuration)) continue;
            var configuration = SiteConfiguration.Read(paths.Root);
            foreach (var role in new[] { SiteRole.Controller, SiteRole.Agent })
                yield return new ServiceUnit(role, configuration, paths, Launcher.OfThisProcess());
        }
    }

    private static async Task SystemctlAsync(IReadOnlyList<string> arguments, CancellationToken ct)
    {
        var start = new ProcessStartInfo("systemctl", arguments) { RedirectStandardError = true };
        try
        {
            using var process = Process.Start(start)!;
            var said = await process.StandardError.ReadToEndAsync(ct);
            await process.WaitForExitAsync(ct);
            if (process.ExitCode != 0)
                throw new ProblemException(ReasonCode.Unexpected,
                    $"`systemctl {string.Join(' ', arguments)}` failed ({process.ExitCode})", said.Trim());
        }
        catch (Win32Exception e)
        {
            throw new ProblemException(ReasonCode.Unexpected, "systemctl cannot be run", e.Message, cause: e);
        }
    }
}
