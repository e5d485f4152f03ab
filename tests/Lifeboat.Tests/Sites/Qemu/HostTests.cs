// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Sites;
using Lifeboat.Sites.Qemu.Host;

namespace Lifeboat.Tests.Sites.Qemu;

public sealed class HostTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_probe_rom_reports_from_long_mode()
    {
        if (Tool.Find("qemu-system-x86_64") is null) Assert.Skip("no qemu-system-x86_64 on this host");
        // Under emulation it must report; so a silence under KVM is KVM's.
        Assert.True(await new KvmProbe("qemu-system-x86_64", TimeProvider.System).WorksEmulatedAsync("max"));
    }

    [Fact]
    public async Task A_process_is_not_mistaken_for_another_with_its_number()
    {
        using var sleeping = Process.Start("sleep", ["300"]);
        var real = HostProcess.Find(sleeping.Id)!.Value;
        var other = real with { StartTicks = real.StartTicks - 1 };
        Assert.False(other.IsAlive);
        Assert.True(await other.KillAsync(TimeSpan.FromSeconds(1), TimeProvider.System, Ct));
        Assert.True(real.IsAlive);

        Assert.True(await real.KillAsync(TimeSpan.FromSeconds(5), TimeProvider.System, Ct));
        Assert.False(real.IsAlive);
    }

    [Fact]
    public async Task A_pid_file_that_names_somebody_else_is_not_believed()
    {
        var pidFile = Path.GetTempFileName();
        await File.WriteAllTextAsync(pidFile, $"{Environment.ProcessId}\n", Ct);
        Assert.Null(HostProcess.FindByArgument(pidFile, pidFile));

        using var carrier = Process.Start("sh", ["-c", "sleep 300; :", "sh", $"--pid-file={pidFile}"]);
        while (HostProcess.FindByArgument(pidFile, pidFile)?.Id != carrier.Id) await Task.Delay(10, Ct);
        carrier.Kill(entireProcessTree: true);
        await carrier.WaitForExitAsync(Ct);
        Assert.Null(HostProcess.FindByArgument(pidFile, pidFile));
        File.Delete(pidFile);
    }

    [Fact]
    public async Task A_missing_tool_and_a_failing_one_are_told_apart()
    {
        var missing = await Assert.ThrowsAsync<SiteException>(() => Tool.RunAsync("no-such-tool", [], Ct));
        Assert.Equal(SiteFault.ToolMissing, missing.Fault);
        var failed = await Tool.RunAsync("sh", ["-c", "echo why >&2; exit 4"], Ct);
        var refused = Assert.Throws<SiteException>(() => failed.OrThrow("trying"));
        Assert.Equal(SiteFault.Refused, refused.Fault);
        Assert.Contains("why", refused.Message, StringComparison.Ordinal);
    }
}
