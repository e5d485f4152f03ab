// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Agent.Capture;
using Lifeboat.Agent.Capture.Gateway;
using Lifeboat.Contracts.Agents;
using Lifeboat.Qemu;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Capture;

/// <summary>A directory with a bare QEMU, and as many "agents" (gateway and taps) as a test needs.</summary>
internal sealed class TapFixture : IAsyncDisposable
{
    public const long DiskBytes = 32 << 20;
    private int _gateways;

    private TapFixture(string directory, BareQemu qemu)
    {
        Directory = directory;
        Qemu = qemu;
    }

    public string Directory { get; }
    public BareQemu Qemu { get; private set; }
    public Guid Replica { get; } = Guid.NewGuid();

    public static async Task<TapFixture> StartAsync(int disks = 1, long sizeBytes = DiskBytes)
    {
        var directory = System.IO.Directory.CreateTempSubdirectory("lb-tap").FullName;
        return new TapFixture(directory, await BareQemu.StartAsync(directory, disks, sizeBytes));
    }

    /// <summary>A disk that remembers nothing and takes so long for each write.</summary>
    public static async Task<TapFixture> StartSlowAsync(long sizeBytes, TimeSpan each)
    {
        var directory = System.IO.Directory.CreateTempSubdirectory("lb-tap").FullName;
        var image = new JsonObject
        {
            ["file"] = new JsonObject
            {
                ["driver"] = "null-co", ["size"] = sizeBytes, ["latency-ns"] = (long)each.TotalNanoseconds,
            },
        };
        // In an option of the command line a comma is written twice.
        var text = "json:" + image.ToJsonString().Replace(",", ",,", StringComparison.Ordinal);
        return new TapFixture(directory, await BareQemu.StartAsync(directory, 1, sizeBytes, elsewhere: _ => text));
    }

    /// <summary>The disk is an overlay over a base image with content, as after a failover from a view.</summary>
    public static async Task<TapFixture> StartOverlayAsync()
    {
        var directory = System.IO.Directory.CreateTempSubdirectory("lb-tap").FullName;
        var content = new byte[DiskBytes];
        Array.Fill(content, (byte)0x5A, 0, 8 << 20);
        await File.WriteAllBytesAsync(Path.Combine(directory, "base.raw"), content);
        using var create = System.Diagnostics.Process.Start("qemu-img", ["create", "-q", "-f", "qcow2",
            "-b", Path.Combine(directory, "base.raw"), "-F", "raw", Path.Combine(directory, "disk0.raw")]);
        await create.WaitForExitAsync();
        return new TapFixture(directory, await BareQemu.StartAsync(directory, 1, DiskBytes, "qcow2"));
    }

    public async Task RestartQemuAsync()
    {
        await Qemu.KillAsync();
        Qemu = await BareQemu.StartAsync(Directory, Qemu.Disks, DiskBytes);
    }

    public TapAgent NewAgent() => new(this, Path.Combine(Directory, $"gw{++_gateways}.sock"));

    public async ValueTask DisposeAsync()
    {
        await Qemu.DisposeAsync();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}

/// <summary>What of an agent matters to a tap. Disposing it is a crash: connections end without a word.</summary>
internal sealed class TapAgent(TapFixture fixture, string gatewaySocket) : IAsyncDisposable
{
    private readonly CaptureGateway _gateway = CaptureGateway.Listen(gatewaySocket, TimeProvider.System);
    private readonly QemuMonitor _monitor = new(fixture.Qemu.QmpSocket,
        Path.Combine(fixture.Directory, "pull.sock"),
        QmpOptions.Default, TimeProvider.System);

    public QmpDiskTap Tap(int disk, string? device = null, long size = TapFixture.DiskBytes,
        DiskIdentity? identity = null) => new(_monitor, _gateway,
            new SourceVolume((ushort)disk, $"vm.disk{disk}", "vm", fixture.Qemu.QmpSocket, device ?? $"front{disk}",
                size) { Identity = identity },
            TimeProvider.System, NullLogger<QmpDiskTap>.Instance);

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        _monitor.Dispose();
    }
}
