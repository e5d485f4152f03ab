// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Contracts.Agents;
using Lifeboat.IntegrationTests.Capture;
using Lifeboat.Nbd;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>A bare QEMU as a group of its own, from one site to another.</summary>
internal sealed class ProtectedQemu : IAsyncDisposable
{
    public const string Group = "g1";
    public const long DiskBytes = 32 << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private ProtectedQemu(BareQemu qemu) => Qemu = qemu;

    public BareQemu Qemu { get; }

    public static async Task<ProtectedQemu> StartAsync(int disks, bool scsi = false, long sizeBytes = DiskBytes,
        Func<int, string>? elsewhere = null)
    {
        var directory = Directory.CreateTempSubdirectory("lb-vm").FullName;
        return new ProtectedQemu(await BareQemu.StartAsync(directory, disks, sizeBytes, scsi: scsi,
            elsewhere: elsewhere));
    }

    public ReplicaSpec ReplicaSpec(string primary) => new()
    {
        Group = Group,
        PrimarySite = primary,
        Epoch = Epoch.First,
        Retention = TimeSpan.FromHours(1),
        Volumes = [.. Disks.Select(d => new ReplicaVolume((ushort)d, $"vm.disk{d}", DiskBytes))],
    };

    public SourceSpec SourceSpec(string recoverySite, string target) => new()
    {
        Group = Group,
        RecoverySite = recoverySite,
        Epoch = Epoch.First,
        Target = target,
        Volumes = [.. Disks.Select(d =>
            new SourceVolume((ushort)d, $"vm.disk{d}", "vm", Qemu.QmpSocket, $"front{d}", DiskBytes))],
        Instances = [new SourceInstance("vm", Qemu.QmpSocket, null)],
        Policy = Policy.Default with { CheckpointInterval = TimeSpan.FromSeconds(1) },
    };

    public async Task ProtectAsync(AgentSite from, AgentSite to)
    {
        await to.Client.PutReplicaAsync(ReplicaSpec(from.Name), CancellationToken.None);
        await from.Client.PutSourceAsync(SourceSpec(to.Name, to.LinkAddress), CancellationToken.None);
        await WaitAsync(from, s => s.Phase == SourcePhase.Streaming);
    }

    public static async Task<SourceStatus> WaitAsync(AgentSite site, Func<SourceStatus, bool> until)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var status = await site.Client.SourceAsync(Group, CancellationToken.None);
            if (until(status)) return status;
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Limit,
                $"{status.Phase} {status.Reason} {status.Detail} {string.Join("; ", status.Volumes)}");
            await Task.Delay(50);
        }
    }

    /// <summary>
    /// Once it streams: cuts a checkpoint, waits for its seal and compares every disk with the point, byte for byte.
    /// </summary>
    public async Task AssertPointIsTheDisksAsync(AgentSite from, AgentSite to)
    {
        await WaitAsync(from, s => s.Phase == SourcePhase.Streaming);
        var made = await from.Client.CheckpointAsync(
            Group, new CheckpointRequest(false, false, "test", TimeSpan.FromSeconds(30)), CancellationToken.None);
        Assert.True(made.Sealed);
        var view = await to.Client.OpenViewAsync(
            Group, new ViewRequest("compare", made.Point.Id, null, false), CancellationToken.None);
        foreach (var volume in view.Volumes)
        {
            var disk = await File.ReadAllBytesAsync(Qemu.Image(volume.Index));
            var point = await ReadAsync(volume);
            Assert.True(disk.AsSpan().SequenceEqual(point), $"{volume.Name} differs from its point");
        }
        await to.Client.CloseViewAsync(Group, "compare", CancellationToken.None);
    }

    public static async Task<byte[]> ReadAsync(ViewVolume volume)
    {
        await using var nbd = await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(volume.Socket),
            new NbdClientOptions { Export = volume.Export }, CancellationToken.None);
        var content = new byte[volume.SizeBytes];
        await nbd.ReadAsync(0, content, CancellationToken.None);
        return content;
    }

    public async ValueTask DisposeAsync()
    {
        await Qemu.DisposeAsync();
        Directory.Delete(Qemu.Directory, recursive: true);
    }

    private IEnumerable<int> Disks => Enumerable.Range(0, Qemu.Disks);
}
