// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Capture;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.IntegrationTests.Libvirt;

/// <summary>What libvirt does to a disk that is captured goes as on one that is not, and is captured with it.</summary>
public sealed class CapturedDomainTests : IAsyncLifetime
{
    private const string Name = CapturedDomain.Name;
    private CapturedDomain _domain = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private QmpDiskTap Tap => _domain.Tap;

    public async ValueTask InitializeAsync() => _domain = await CapturedDomain.StartAsync(QmpOptions.Default);

    public async ValueTask DisposeAsync()
    {
        if (_domain is not null) await _domain.DisposeAsync();
    }

    [Fact]
    public async Task Snapshots_are_made_and_pulled_while_every_write_is_captured()
    {
        await _domain.WriteAsync(1 << 20, 256 << 10);
        var image = await _domain.CaptureAsync();
        await _domain.WriteAsync(2 << 20, 8192);
        foreach (var snapshot in (string[])["first", "second"])
        {
            await _domain.SnapshotAsync(snapshot);
            await _domain.WriteAsync(2 << 20, 4096);
            await _domain.WriteAsync(3 << 20, 64 << 10);
        }
        await _domain.VirshAsync("blockpull", Name, "vdb", "--wait");
        await _domain.WriteAsync(4 << 20, 4096);
        _domain.AssertSame(image);
        Assert.False(Tap.Ended.IsCompleted);

        // What is written while nothing is captured is in the maps, which were above all of it.
        Tap.LetGo();
        await _domain.WriteAsync(5 << 20, 64 << 10);
        await _domain.SnapshotAsync("third");
        await _domain.WriteAsync(6 << 20, 64 << 10);
        image.ForgetFresh();
        var gap = await _domain.AttachAsync(image);
        Assert.Equal(GapKind.Known, gap.Kind);
        Assert.True(await image.PullAsync(Tap, gap) >= 128 << 10);
        _domain.AssertSame(image);
        await Tap.UninstallAsync(Ct);
        Assert.DoesNotContain("lifeboat", await _domain.NodesAsync(), StringComparison.Ordinal);
        await _domain.WriteAsync(7 << 20, 4096);
    }

    // libvirt dismisses a stream some time after QEMU has ended it (decision 0061).
    [Fact]
    public async Task Streams_end_well_however_often_qemu_is_asked_of_its_disks_meanwhile()
    {
        var image = await _domain.CaptureAsync();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var asking = AskAllTheWhileAsync(over.Token);
        for (var round = 0; round < 20; round++)
        {
            await _domain.SnapshotAsync($"s{round}");
            await _domain.WriteAsync(1 << 20, 64 << 10);
            await _domain.StandBackAsync("blockPull", rearranging: false);
            await _domain.VirshAsync("blockpull", Name, "vdb");
            _domain.Monitor.Return();
            while ((await _domain.VirshAsync("blockjob", Name, "vdb", "--info")).Length > 0) await Task.Yield();
        }
        await over.CancelAsync();
        var (answered, refused) = await asking;
        Assert.Equal("running", await _domain.VirshAsync("domstate", Name));
        Assert.True(answered > 20 && refused > 20, $"answered {answered}, refused {refused}");
        _domain.AssertSame(image);
    }

    // As one that sVirt or AppArmor keeps from every path that is not its domain's.
    [Fact]
    public async Task A_qemu_that_cannot_open_our_socket_is_given_its_connection()
    {
        File.Delete(_domain.PathOf("gw.sock"));
        var image = await _domain.CaptureAsync();
        await _domain.WriteAsync(1 << 20, 256 << 10);
        _domain.AssertSame(image);
    }

    // What QEMU does at a root node only: between two captures, and the maps are at libvirt's node meanwhile.
    [Fact]
    public async Task A_disk_that_is_detached_is_libvirts_alone_and_its_gap_is_known()
    {
        await _domain.WriteAsync(1 << 20, 256 << 10);
        var image = await _domain.CaptureAsync();
        foreach (var snapshot in (string[])["first", "second"])
        {
            await _domain.SnapshotAsync(snapshot);
            await _domain.WriteAsync(2 << 20, 4096);
        }
        await Tap.DetachAsync(Ct);
        Assert.DoesNotContain("lifeboat-shim", await _domain.NodesAsync(), StringComparison.Ordinal);
        await _domain.WriteAsync(3 << 20, 64 << 10);
        await _domain.VirshAsync("blockcommit", Name, "vdb", "--top", _domain.PathOf("first.qcow2"),
            "--base", _domain.PathOf("vdb.qcow2"), "--wait");
        await _domain.WriteAsync(4 << 20, 64 << 10);
        image.ForgetFresh();
        var gap = await _domain.AttachAsync(image);
        Assert.Equal(GapKind.Known, gap.Kind);
        Assert.Equal((4 + 64 + 64) << 10, await image.PullAsync(Tap, gap));
        await Tap.ForgetGapAsync(Ct);
        _domain.AssertSame(image);

        await Tap.DetachAsync(Ct);
        await _domain.VirshAsync("blockresize", Name, "vdb", $"{CapturedDomain.DiskBytes * 2 / 1024}");
        var grown = await Assert.ThrowsAsync<TapException>(() => _domain.AttachAsync(image));
        Assert.Equal(TapFault.SizeChanged, grown.Fault);
        Assert.DoesNotContain("lifeboat-shim", await _domain.NodesAsync(), StringComparison.Ordinal);
    }

    // On a bus that needs no consent of a guest, since here none has booted.
    [Fact]
    public async Task A_disk_that_is_taken_out_is_free_and_can_be_put_in_again()
    {
        await _domain.CreateAsync("sda.qcow2");
        await PutInAsync();
        _domain.TurnTo("scsi0-0-0-0");
        var image = await _domain.CaptureAsync();
        await _domain.WriteAsync(1 << 20, 4096);
        await _domain.VirshAsync("detach-disk", Name, "sda");
        Assert.Equal(TapEnd.Unplugged, await Tap.Ended.WaitAsync(TimeSpan.FromSeconds(30), Ct));
        _domain.AssertSame(image);
        await Tap.DetachAsync(Ct);
        Assert.DoesNotContain(_domain.PathOf("sda.qcow2"), await _domain.NodesAsync(), StringComparison.Ordinal);
        Assert.Contains(_domain.PathOf("vdb.qcow2"), await _domain.NodesAsync(), StringComparison.Ordinal);
        Assert.Equal(DiskPresence.Unplugged, await Tap.PresenceAsync(Ct));

        await PutInAsync();
        Assert.Equal(DiskPresence.Plugged, await Tap.PresenceAsync(Ct));
        await _domain.WriteAsync(2 << 20, 4096);
        await image.PullAsync(Tap, await _domain.AttachAsync(image));
        _domain.AssertSame(image);
    }

    [Fact]
    public async Task Memory_is_saved_and_restored_and_the_disk_is_captured_again()
    {
        var image = await _domain.CaptureAsync();
        await _domain.WriteAsync(1 << 20, 4096);
        await _domain.VirshAsync("managedsave", Name);
        Assert.Equal(TapEnd.InstanceGone, await Tap.Ended.WaitAsync(TimeSpan.FromSeconds(30), Ct));
        _domain.AssertSame(image);
        await _domain.VirshAsync("start", Name);
        await _domain.WriteAsync(2 << 20, 4096);
        image.ForgetFresh();
        await image.PullAsync(Tap, await _domain.AttachAsync(image));
        _domain.AssertSame(image);
    }

    private async Task<(int Answered, int Refused)> AskAllTheWhileAsync(CancellationToken over)
    {
        var (answered, refused) = (0, 0);
        while (!over.IsCancellationRequested)
        {
            await Task.Yield();
            try
            {
                await _domain.Monitor.LookAsync(TimeSpan.Zero, _ => true, CancellationToken.None);
                answered++;
            }
            catch (TapException e) when (e.Fault == TapFault.Refused)
            {
                refused++;
            }
        }
        return (answered, refused);
    }

    private Task PutInAsync() => _domain.VirshAsync("attach-disk", Name, _domain.PathOf("sda.qcow2"), "sda",
        "--targetbus", "scsi", "--subdriver", "qcow2");
}
