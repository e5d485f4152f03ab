// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using System.Xml.Linq;
using Lifeboat.Agent.Capture;
using Lifeboat.Agent.Capture.Gateway;
using Lifeboat.Contracts.Agents;
using Lifeboat.IntegrationTests.Capture;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;
using Lifeboat.Testing.Oracle;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Libvirt;

/// <summary>What libvirt does to a disk that is captured goes as on one that is not, and is captured with it.</summary>
public sealed class CapturedDomainTests : IAsyncLifetime
{
    private const string Name = "web";
    private const int DiskBytes = 32 << 20;
    private readonly Guid _replica = Guid.NewGuid();
    private readonly byte[] _written = new byte[DiskBytes];
    private PrivateLibvirt _libvirt = null!;
    private CaptureGateway _gateway = null!;
    private QemuMonitor _monitor = null!;
    private QmpDiskTap _tap = null!;
    private string _device = "virtio-disk1/virtio-backend";
    private byte _pattern;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private string Address => _libvirt.Address(Name);

    public async ValueTask InitializeAsync()
    {
        _libvirt = await PrivateLibvirt.StartAsync(Ct);
        await CreateAsync("vda.qcow2");
        await CreateAsync("vdb.qcow2");
        var scsi = new XElement("controller", new XAttribute("type", "scsi"), new XAttribute("model", "virtio-scsi"));
        await _libvirt.StartAsync(
            Name, [(PathOf("vda.qcow2"), "qcow2"), (PathOf("vdb.qcow2"), "qcow2")], 64, [], [scsi], Ct);
        _gateway = CaptureGateway.Listen(PathOf("gw.sock"), TimeProvider.System);
        _monitor = new QemuMonitor(Address, PathOf("pull.sock"), QmpOptions.Default, TimeProvider.System);
        _tap = Tap("virtio-disk1");
    }

    public async ValueTask DisposeAsync()
    {
        if (_libvirt is null) return;
        await _tap.DisposeAsync();
        _monitor.Dispose();
        await _gateway.DisposeAsync();
        await _libvirt.DisposeAsync();
    }

    [Fact]
    public async Task Snapshots_are_made_and_pulled_while_every_write_is_captured()
    {
        await WriteAsync(1 << 20, 256 << 10);
        var image = await CaptureAsync();
        await WriteAsync(2 << 20, 8192);
        foreach (var snapshot in (string[])["first", "second"])
        {
            await SnapshotAsync(snapshot);
            await WriteAsync(2 << 20, 4096);
            await WriteAsync(3 << 20, 64 << 10);
        }
        await _libvirt.VirshAsync(Ct, "blockpull", Name, "vdb", "--wait");
        await WriteAsync(4 << 20, 4096);
        AssertSame(image);
        Assert.False(_tap.Ended.IsCompleted);

        // What is written while nothing is captured is in the maps, which were above all of it.
        _tap.LetGo();
        await WriteAsync(5 << 20, 64 << 10);
        await SnapshotAsync("third");
        await WriteAsync(6 << 20, 64 << 10);
        image.ForgetFresh();
        var gap = await _tap.AttachAsync(image, _replica, Ct);
        Assert.Equal(GapKind.Known, gap.Kind);
        Assert.True(await image.PullAsync(_tap, gap) >= 128 << 10);
        AssertSame(image);
        await _tap.UninstallAsync(Ct);
        Assert.DoesNotContain("lifeboat", await NodesAsync(), StringComparison.Ordinal);
        await WriteAsync(7 << 20, 4096);
    }

    // libvirt dismisses a stream some time after QEMU has ended it (decision 0061).
    [Fact]
    public async Task Streams_end_well_however_often_qemu_is_asked_of_its_disks_meanwhile()
    {
        var image = await CaptureAsync();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var asking = AskAllTheWhileAsync(over.Token);
        for (var round = 0; round < 20; round++)
        {
            await SnapshotAsync($"s{round}");
            await WriteAsync(1 << 20, 64 << 10);
            // As the agent does for a call that comes through the gate.
            await _monitor.StandBackAsync(TimeSpan.FromMinutes(1), "libvirt's blockPull", Ct);
            await _libvirt.VirshAsync(Ct, "blockpull", Name, "vdb");
            _monitor.Return();
            while ((await _libvirt.VirshAsync(Ct, "blockjob", Name, "vdb", "--info")).Length > 0) await Task.Yield();
        }
        await over.CancelAsync();
        var (answered, refused) = await asking;
        Assert.Equal("running", await _libvirt.VirshAsync(Ct, "domstate", Name));
        Assert.True(answered > 20 && refused > 20, $"answered {answered}, refused {refused}");
        AssertSame(image);
    }

    // As one that sVirt or AppArmor keeps from every path that is not its domain's.
    [Fact]
    public async Task A_qemu_that_cannot_open_our_socket_is_given_its_connection()
    {
        File.Delete(PathOf("gw.sock"));
        var image = await CaptureAsync();
        await WriteAsync(1 << 20, 256 << 10);
        AssertSame(image);
    }

    // What QEMU does at a root node only: between two captures, and the maps are at libvirt's node meanwhile.
    [Fact]
    public async Task A_disk_that_is_detached_is_libvirts_alone_and_its_gap_is_known()
    {
        await WriteAsync(1 << 20, 256 << 10);
        var image = await CaptureAsync();
        foreach (var snapshot in (string[])["first", "second"])
        {
            await SnapshotAsync(snapshot);
            await WriteAsync(2 << 20, 4096);
        }
        await _tap.DetachAsync(Ct);
        Assert.DoesNotContain("lifeboat-shim", await NodesAsync(), StringComparison.Ordinal);
        await WriteAsync(3 << 20, 64 << 10);
        await _libvirt.VirshAsync(Ct, "blockcommit", Name, "vdb", "--top", PathOf("first.qcow2"),
            "--base", PathOf("vdb.qcow2"), "--wait");
        await WriteAsync(4 << 20, 64 << 10);
        image.ForgetFresh();
        var gap = await _tap.AttachAsync(image, _replica, Ct);
        Assert.Equal(GapKind.Known, gap.Kind);
        Assert.Equal((4 + 64 + 64) << 10, await image.PullAsync(_tap, gap));
        await _tap.ForgetGapAsync(Ct);
        AssertSame(image);

        await _tap.DetachAsync(Ct);
        await _libvirt.VirshAsync(Ct, "blockresize", Name, "vdb", $"{DiskBytes * 2 / 1024}");
        var grown = await Assert.ThrowsAsync<TapException>(() => _tap.AttachAsync(image, _replica, Ct));
        Assert.Equal(TapFault.SizeChanged, grown.Fault);
        Assert.DoesNotContain("lifeboat-shim", await NodesAsync(), StringComparison.Ordinal);
    }

    // On a bus that needs no consent of a guest, since here none has booted.
    [Fact]
    public async Task A_disk_that_is_taken_out_is_free_and_can_be_put_in_again()
    {
        await CreateAsync("sda.qcow2");
        await PutInAsync();
        (_device, _tap) = ("scsi0-0-0-0", Tap("scsi0-0-0-0"));
        var image = await CaptureAsync();
        await WriteAsync(1 << 20, 4096);
        await _libvirt.VirshAsync(Ct, "detach-disk", Name, "sda");
        Assert.Equal(TapEnd.Unplugged, await _tap.Ended.WaitAsync(TimeSpan.FromSeconds(30), Ct));
        AssertSame(image);
        await _tap.DetachAsync(Ct);
        Assert.DoesNotContain(PathOf("sda.qcow2"), await NodesAsync(), StringComparison.Ordinal);
        Assert.Contains(PathOf("vdb.qcow2"), await NodesAsync(), StringComparison.Ordinal);
        Assert.Equal(DiskPresence.Unplugged, await _tap.PresenceAsync(Ct));

        await PutInAsync();
        Assert.Equal(DiskPresence.Plugged, await _tap.PresenceAsync(Ct));
        await WriteAsync(2 << 20, 4096);
        await image.PullAsync(_tap, await _tap.AttachAsync(image, _replica, Ct));
        AssertSame(image);
    }

    [Fact]
    public async Task Memory_is_saved_and_restored_and_the_disk_is_captured_again()
    {
        var image = await CaptureAsync();
        await WriteAsync(1 << 20, 4096);
        await _libvirt.VirshAsync(Ct, "managedsave", Name);
        Assert.Equal(TapEnd.InstanceGone, await _tap.Ended.WaitAsync(TimeSpan.FromSeconds(30), Ct));
        AssertSame(image);
        await _libvirt.VirshAsync(Ct, "start", Name);
        await WriteAsync(2 << 20, 4096);
        image.ForgetFresh();
        await image.PullAsync(_tap, await _tap.AttachAsync(image, _replica, Ct));
        AssertSame(image);
    }

    private async Task<MirroredImage> CaptureAsync()
    {
        var image = new MirroredImage(DiskBytes);
        await image.PullAsync(_tap, await _tap.AttachAsync(image, _replica, Ct));
        await _tap.ForgetGapAsync(Ct);
        return image;
    }

    private async Task<(int Answered, int Refused)> AskAllTheWhileAsync(CancellationToken over)
    {
        var (answered, refused) = (0, 0);
        while (!over.IsCancellationRequested)
        {
            await Task.Yield();
            try
            {
                await _monitor.LookAsync(TimeSpan.Zero, _ => true, CancellationToken.None);
                answered++;
            }
            catch (TapException e) when (e.Fault == TapFault.Refused)
            {
                refused++;
            }
        }
        return (answered, refused);
    }

    private Task SnapshotAsync(string name) => _libvirt.VirshAsync(Ct, "snapshot-create-as", Name, name, "--disk-only",
        "--no-metadata", "--diskspec", "vda,snapshot=no", "--diskspec", $"vdb,file={PathOf($"{name}.qcow2")}");

    private Task PutInAsync() => _libvirt.VirshAsync(Ct, "attach-disk", Name, PathOf("sda.qcow2"), "sda",
        "--targetbus", "scsi", "--subdriver", "qcow2");

    private QmpDiskTap Tap(string device) => new(_monitor, _gateway,
        new SourceVolume(0, $"{Name}.data", Name, Address, device, DiskBytes),
        TimeProvider.System, NullLogger<QmpDiskTap>.Instance);

    private async Task CreateAsync(string file)
    {
        var made = await HostCommand.RunAsync(
            "qemu-img", ["create", "-q", "-f", "qcow2", PathOf(file), $"{DiskBytes}"], Ct);
        Assert.True(made.ExitCode == 0, made.AllText);
    }

    private string PathOf(string file) => Path.Combine(_libvirt.Directory, file);

    // Returns when the write is acknowledged, as a guest would see it.
    private async Task WriteAsync(int offset, int length)
    {
        _written.AsSpan(offset, length).Fill(++_pattern);
        var said = await _libvirt.VirshAsync(Ct, "qemu-monitor-command", Name, "--hmp",
            $"qemu-io -d /machine/peripheral/{_device} \"write -P {_pattern} {offset} {length}\"");
        Assert.DoesNotContain("rror", said, StringComparison.Ordinal);
    }

    private void AssertSame(MirroredImage image) => Assert.True(
        _written.AsSpan().SequenceEqual(image.Snapshot()), "the copy differs from the disk");

    private async Task<string> NodesAsync()
    {
        await using var qmp = await QmpClient.ConnectAsync(Address, QmpOptions.Default, TimeProvider.System, Ct);
        return (await qmp.ExecuteAsync(
            "query-named-block-nodes", new JsonObject { ["flat"] = true }, Ct)).GetRawText();
    }
}
