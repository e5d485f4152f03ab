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

/// <summary>A domain of a libvirt of its own, what captures its disk vdb, and what was written to that.</summary>
internal sealed class CapturedDomain : IAsyncDisposable
{
    public const string Name = "web";
    public const int DiskBytes = 32 << 20;
    private readonly Guid _replica = Guid.NewGuid();
    private readonly byte[] _written = new byte[DiskBytes];
    private readonly CaptureGateway _gateway;
    private string _device = "virtio-disk1/virtio-backend";
    private byte _pattern;

    private CapturedDomain(PrivateLibvirt libvirt, QmpOptions options)
    {
        Libvirt = libvirt;
        _gateway = CaptureGateway.Listen(PathOf("gw.sock"), TimeProvider.System);
        Monitor = new QemuMonitor(Address, PathOf("pull.sock"), options, TimeProvider.System);
        Tap = TapOf("virtio-disk1");
    }

    public PrivateLibvirt Libvirt { get; }
    public QemuMonitor Monitor { get; }
    public QmpDiskTap Tap { get; private set; }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private string Address => Libvirt.Address(Name);

    public static async Task<CapturedDomain> StartAsync(QmpOptions options)
    {
        var libvirt = await PrivateLibvirt.StartAsync(Ct);
        await CreateAsync(libvirt, "vda.qcow2");
        await CreateAsync(libvirt, "vdb.qcow2");
        var scsi = new XElement("controller", new XAttribute("type", "scsi"), new XAttribute("model", "virtio-scsi"));
        await libvirt.StartAsync(Name,
            [(Path.Combine(libvirt.Directory, "vda.qcow2"), "qcow2"),
                (Path.Combine(libvirt.Directory, "vdb.qcow2"), "qcow2")], 64, [], [scsi], Ct);
        return new CapturedDomain(libvirt, options);
    }

    public async ValueTask DisposeAsync()
    {
        await Tap.DisposeAsync();
        Monitor.Dispose();
        await _gateway.DisposeAsync();
        await Libvirt.DisposeAsync();
    }

    public string PathOf(string file) => Path.Combine(Libvirt.Directory, file);

    public Task<string> VirshAsync(params string[] arguments) => Libvirt.VirshAsync(Ct, arguments);

    public Task CreateAsync(string file) => CreateAsync(Libvirt, file);

    public Task SnapshotAsync(string name) => VirshAsync("snapshot-create-as", Name, name, "--disk-only",
        "--no-metadata", "--diskspec", "vda,snapshot=no", "--diskspec", $"vdb,file={PathOf($"{name}.qcow2")}");

    /// <summary>As the agent does for a call that comes through the gate.</summary>
    public Task StandBackAsync(string call, bool rearranging) =>
        Monitor.StandBackAsync(TimeSpan.FromMinutes(1), $"libvirt's {call}", rearranging, Ct);

    /// <summary>From here on it is about another disk.</summary>
    public void TurnTo(string device) => (_device, Tap) = (device, TapOf(device));

    /// <summary>A whole copy, and all that is written from here on.</summary>
    public async Task<MirroredImage> CaptureAsync()
    {
        var image = new MirroredImage(DiskBytes);
        await image.PullAsync(Tap, await AttachAsync(image));
        await Tap.ForgetGapAsync(Ct);
        return image;
    }

    public Task<GapMap> AttachAsync(MirroredImage image) => Tap.AttachAsync(image, _replica, Ct);

    /// <summary>Returns when the write is acknowledged, as a guest would see it.</summary>
    public async Task WriteAsync(int offset, int length)
    {
        _written.AsSpan(offset, length).Fill(++_pattern);
        await IoAsync($"write -P {_pattern} {offset} {length}");
    }

    /// <summary>The guest sees what it has written.</summary>
    public async Task AssertReadsAsync(int offset, int length)
    {
        var pattern = _written[offset];
        Assert.True(_written.AsSpan(offset, length).IndexOfAnyExcept(pattern) < 0, "of one pattern");
        await IoAsync($"read -P {pattern} {offset} {length}");
    }

    public void AssertSame(MirroredImage image, string? when = null) => Assert.True(
        _written.AsSpan().SequenceEqual(image.Snapshot()), $"the copy differs from the disk {when}");

    public async Task<string> NodesAsync()
    {
        await using var qmp = await QmpClient.ConnectAsync(Address, QmpOptions.Default, TimeProvider.System, Ct);
        return (await qmp.ExecuteAsync(
            "query-named-block-nodes", new JsonObject { ["flat"] = true }, Ct)).GetRawText();
    }

    private QmpDiskTap TapOf(string device) => new(Monitor, _gateway,
        new SourceVolume(0, $"{Name}.data", Name, Address, device, DiskBytes),
        TimeProvider.System, NullLogger<QmpDiskTap>.Instance);

    private async Task IoAsync(string command)
    {
        var said = await VirshAsync("qemu-monitor-command", Name, "--hmp",
            $"qemu-io -d /machine/peripheral/{_device} \"{command}\"");
        Assert.False(said.Contains("rror", StringComparison.Ordinal) || said.Contains("fail", StringComparison.Ordinal),
            $"{command}: {said}");
    }

    private static async Task CreateAsync(PrivateLibvirt libvirt, string file)
    {
        var made = await HostCommand.RunAsync(
            "qemu-img", ["create", "-q", "-f", "qcow2", Path.Combine(libvirt.Directory, file), $"{DiskBytes}"], Ct);
        Assert.True(made.ExitCode == 0, made.AllText);
    }
}
