// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Services;

/// <summary>This machine's systemd, booted in name spaces of its own, with the files of this machine.</summary>
internal sealed class SystemdMachine : IAsyncDisposable
{
    private static readonly TimeSpan BootLimit = TimeSpan.FromSeconds(30);
    private readonly string _directory;
    private readonly Process _keeper;
    private readonly string _init;

    private SystemdMachine(string directory, Process keeper, string init) =>
        (_directory, _keeper, _init) = (directory, keeper, init);

    /// <summary>What it lacks here; null: nothing.</summary>
    public static string? Missing =>
        Environment.UserName != "root" ? "a systemd of its own needs root"
        : !File.Exists("/lib/systemd/systemd") ? "there is no systemd (package systemd)"
        : !File.ReadLines("/proc/filesystems").Any(f => f.EndsWith("cgroup2", StringComparison.Ordinal))
            ? "the kernel has no cgroup2"
            : null;

    public static async Task<SystemdMachine> BootAsync(string site, CancellationToken ct)
    {
        var directory = Directory.CreateTempSubdirectory("lb-systemd-").FullName;
        var script = Path.Combine(AppContext.BaseDirectory, "Services", "boot-systemd.sh");
        var start = new ProcessStartInfo("bash", [script, directory, site]) { RedirectStandardInput = true };
        var keeper = Process.Start(start)!;
        while (!File.Exists(directory + ".pid")) await Task.Delay(50, ct);
        var init = (await File.ReadAllTextAsync(directory + ".pid", ct)).Trim();
        var machine = new SystemdMachine(directory, keeper, init);
        var started = Stopwatch.GetTimestamp();
        // "degraded": units of this machine that cannot run in there are not what is looked at.
        while ((await machine.RunAsync(["systemctl", "is-system-running"], ct)).Output.Trim()
            is not ("running" or "degraded"))
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < BootLimit, "systemd did not boot");
            await Task.Delay(100, ct);
        }
        return machine;
    }

    public Task<HostCommand> RunAsync(IReadOnlyList<string> command, CancellationToken ct) =>
        HostCommand.RunAsync("nsenter", ["-t", _init, "-a", "--", .. command], ct);

    public async Task<string> MustAsync(IReadOnlyList<string> command, CancellationToken ct)
    {
        var result = await RunAsync(command, ct);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', command)}: {result.AllText}");
        return result.Output.Trim();
    }

    /// <summary>A property of a unit, as `systemctl show` says it.</summary>
    public Task<string> ShowAsync(string unit, string property, CancellationToken ct) =>
        MustAsync(["systemctl", "show", "--value", "-p", property, unit], ct);

    public async ValueTask DisposeAsync()
    {
        _keeper.StandardInput.Close();
        await _keeper.WaitForExitAsync();
        _keeper.Dispose();
        File.Delete(_directory + ".pid");
        Directory.Delete(_directory, recursive: true);
    }
}
