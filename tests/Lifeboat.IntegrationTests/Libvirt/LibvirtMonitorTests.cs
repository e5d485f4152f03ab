// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Agent.Capture;
using Lifeboat.Agent.Capture.Gateway;
using Lifeboat.Contracts.Agents;
using Lifeboat.IntegrationTests.Capture;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Libvirt;

/// <summary>A domain of a real libvirt, whose monitor only libvirt has.</summary>
public sealed class LibvirtMonitorTests : IAsyncLifetime
{
    private const string Name = "web";
    private const int DiskBytes = 32 << 20;
    private const string Device = "virtio-disk0";
    private PrivateLibvirt _libvirt = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private string Address => _libvirt.Address(Name);

    public async ValueTask InitializeAsync()
    {
        _libvirt = await PrivateLibvirt.StartAsync(Ct);
        await using (var file = File.Create(Image)) file.SetLength(DiskBytes);
        await _libvirt.StartAsync(Name, [(Image, "raw")], 64, [], [], Ct);
    }

    public ValueTask DisposeAsync() => _libvirt is null ? ValueTask.CompletedTask : _libvirt.DisposeAsync();

    [Fact]
    public async Task It_answers_refuses_and_tells_as_a_monitor_of_ours_does()
    {
        await using var qmp = await QmpClient.ConnectAsync(Address, QmpOptions.Default, TimeProvider.System, Ct);
        Assert.Matches(@"^\d+\.\d+\.\d+$", qmp.Version);
        Assert.Contains($"guest={Name},",
            await File.ReadAllTextAsync($"/proc/{qmp.ProcessId}/cmdline", Ct), StringComparison.Ordinal);

        var refused = await Assert.ThrowsAsync<QmpException>(
            () => qmp.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = "nothing" }, Ct));
        Assert.Equal((QmpFault.Refused, "GenericError"), (refused.Fault, refused.ErrorClass));

        using var events = qmp.Subscribe();
        await qmp.ExecuteAsync("stop", null, Ct);
        await events.WaitAsync(e => e.Name == "STOP", TimeSpan.FromSeconds(30), Ct);
        Assert.Equal("paused", await _libvirt.VirshAsync(Ct, "domstate", Name));
    }

    [Fact]
    public async Task What_is_not_there_and_who_does_not_answer_are_two_things()
    {
        Assert.Equal(QmpFault.Unreachable, await FaultAsync(_libvirt.Address("nobody")));
        Assert.Equal(QmpFault.Unreachable, await FaultAsync(_libvirt.Uri));
        Assert.Equal(QmpFault.HostUnreachable, await FaultAsync("qemu+unix:///system?socket=/nowhere/sock#web"));
        Assert.Equal(QmpFault.HostUnreachable, await FaultAsync("nonsense:///x#web"));
        await _libvirt.VirshAsync(Ct, "destroy", Name);
        Assert.Equal(QmpFault.Unreachable, await FaultAsync(Address));
    }

    [Fact]
    public async Task A_conversation_ends_with_the_daemon_and_the_next_one_is_held_with_its_successor()
    {
        await using var qmp = await QmpClient.ConnectAsync(Address, QmpOptions.Default, TimeProvider.System, Ct);
        var process = qmp.ProcessId;
        await _libvirt.KillDaemonAsync(Ct);
        var ended = await Assert.ThrowsAsync<QmpException>(() => qmp.ExecuteAsync("query-status", null, Ct));
        Assert.Equal(QmpFault.HostUnreachable, ended.Fault);

        await _libvirt.AnswersAsync(Ct);
        await using var again = await QmpClient.ConnectAsync(Address, QmpOptions.Default, TimeProvider.System, Ct);
        Assert.Equal(process, again.ProcessId);
    }

    [Fact]
    public async Task Its_disk_is_captured_whole_and_nothing_of_it_stays()
    {
        await using var gateway = CaptureGateway.Listen(
            Path.Combine(_libvirt.Directory, "gw.sock"), TimeProvider.System);
        using var monitor = new QemuMonitor(
            Address, Path.Combine(_libvirt.Directory, "pull.sock"), QmpOptions.Default, TimeProvider.System);
        await using var tap = new QmpDiskTap(monitor, gateway,
            new SourceVolume(0, $"{Name}.vda", Name, Address, Device, DiskBytes), TimeProvider.System,
            NullLogger<QmpDiskTap>.Instance);
        var replica = Guid.NewGuid();
        await WriteAsync(0x11, 1 << 20, 256 << 10);
        var image = new MirroredImage(DiskBytes);

        await image.PullAsync(tap, await tap.AttachAsync(image, replica, Ct));
        await tap.ForgetGapAsync(Ct);
        await WriteAsync(0x22, (1 << 20) + 4096, 8192);
        // The daemon has no part in it.
        await _libvirt.KillDaemonAsync(Ct);
        await _libvirt.AnswersAsync(Ct);
        await WriteAsync(0x33, 5 << 20, 4096);
        AssertSame(image);
        Assert.False(tap.Ended.IsCompleted);

        tap.LetGo();
        await WriteAsync(0x44, 9 << 20, 64 << 10);
        image.ForgetFresh();
        var gap = await tap.AttachAsync(image, replica, Ct);
        Assert.Equal(GapKind.Known, gap.Kind);
        Assert.Equal((64 + 8 + 4) << 10, await image.PullAsync(tap, gap));
        await tap.ForgetGapAsync(Ct);
        AssertSame(image);

        await tap.UninstallAsync(Ct);
        Assert.Empty(await TracesAsync());

        await tap.AttachAsync(image, replica, Ct);
        await _libvirt.VirshAsync(Ct, "destroy", Name);
        Assert.Equal(TapEnd.InstanceGone, await tap.Ended.WaitAsync(TimeSpan.FromSeconds(30), Ct));
    }

    private string Image => Path.Combine(_libvirt.Directory, "vda.raw");

    // Returns when the write is acknowledged, as a guest would see it.
    private async Task WriteAsync(byte pattern, long offset, long length)
    {
        var said = await _libvirt.VirshAsync(Ct, "qemu-monitor-command", Name, "--hmp",
            $"qemu-io -d /machine/peripheral/{Device}/virtio-backend \"write -P {pattern} {offset} {length}\"");
        Assert.DoesNotContain("rror", said, StringComparison.Ordinal);
    }

    private void AssertSame(MirroredImage image) => Assert.True(
        File.ReadAllBytes(Image).AsSpan().SequenceEqual(image.Snapshot()), "the copy differs from the disk");

    private async Task<IReadOnlyList<string>> TracesAsync()
    {
        await using var qmp = await QmpClient.ConnectAsync(Address, QmpOptions.Default, TimeProvider.System, Ct);
        var flat = new JsonObject { ["flat"] = true };
        var nodes = (await qmp.ExecuteAsync("query-named-block-nodes", flat, Ct)).GetRawText();
        var jobs = (await qmp.ExecuteAsync("query-block-jobs", null, Ct)).GetArrayLength();
        return [.. nodes.Contains("lifeboat", StringComparison.Ordinal) ? [nodes] : Array.Empty<string>(),
            .. jobs > 0 ? [$"{jobs} jobs"] : Array.Empty<string>()];
    }

    private static async Task<QmpFault> FaultAsync(string address)
    {
        var thrown = await Assert.ThrowsAsync<QmpException>(async () =>
            await (await QmpClient.ConnectAsync(address, QmpOptions.Default, TimeProvider.System, Ct)).DisposeAsync());
        return thrown.Fault;
    }
}
