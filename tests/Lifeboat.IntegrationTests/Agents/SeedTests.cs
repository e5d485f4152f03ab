// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.IntegrationTests.Life;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>A first sync by a carried medium, with a real QEMU that is written to all the time.</summary>
public sealed class SeedTests : TwoAgents
{
    private static readonly CancellationToken None = CancellationToken.None;
    private const long StoredBytes = 20 << 20;

    [Fact]
    public async Task A_seed_taken_under_writes_and_carried_leaves_only_what_changed_to_be_sent()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        await vm.Qemu.WriteAsync(0, 0x31, 0, StoredBytes);
        var (spec, now) = (vm.SourceSpec(B.Name, B.LinkAddress), DateTimeOffset.UtcNow);
        var waits = new Suspension("waits for a seed", now, now + TimeSpan.FromHours(1));
        await B.Client.PutReplicaAsync(vm.ReplicaSpec(A.Name), None);
        await A.Client.PutSourceAsync(spec with { Suspension = waits }, None);

        var medium = Directory.CreateDirectory(Path.Combine(A.Paths.Root, "medium")).FullName;
        using var end = new CancellationTokenSource();
        var writing = WriteAsync(vm, end.Token);
        var written = await A.Client.ExportSeedAsync(ProtectedQemu.Group, new SeedRequest(medium), None);
        await end.CancelAsync();
        var changed = await writing;
        Assert.True(written.StoredBytes is > 0 and < StoredBytes / 4, $"{written.StoredBytes} bytes are not packed");
        Assert.DoesNotContain(await vm.Qemu.TracesAsync(), t => t.Contains("seed", StringComparison.Ordinal));
        await RefusedAsync(ReasonCode.Conflict, () =>
            A.Client.ExportSeedAsync(ProtectedQemu.Group, new SeedRequest(medium), None));

        var carried = Path.Combine(B.Paths.Root, "medium");
        Directory.Move(medium, carried);
        var seed = await B.Client.VerifySeedAsync(ProtectedQemu.Group, new SeedRequest(carried), None);
        await DamagedIsRefusedAsync(carried, seed);
        await B.Client.DeleteReplicaAsync(ProtectedQemu.Group, None);
        var replica = vm.ReplicaSpec(A.Name);
        await B.Client.PutReplicaAsync(replica with
        {
            Volumes = [replica.Volumes[0] with { SeedFile = seed.Volumes[0].File, SeedFormat = "lifeboat-seed" }],
        }, None);
        await A.Client.PutSourceAsync(spec, None);
        var synced = await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
        Assert.Equal(ResyncKind.HashCompare, synced.LastResync);
        // What was written during the export may be in the seed already, or not.
        Assert.True(synced.ResyncMovedBytes <= changed, $"{synced.ResyncMovedBytes} moved, {changed} changed");
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    [Fact]
    public async Task A_full_medium_is_named_and_nothing_is_left_on_it()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        for (var i = 0; i < 32; i++) await vm.Qemu.WriteAsync(0, (byte)(i + 1), i << 20, 1 << 20);
        var medium = Path.Combine(A.Paths.Root, "medium");
        await using var tiny = await TinyFileSystem.MountAsync(medium, None);
        File.WriteAllBytes(Path.Combine(medium, "letter"), new byte[60 << 10]);
        await A.Client.PutSourceAsync(vm.SourceSpec(B.Name, B.LinkAddress), None);
        await RefusedAsync(ReasonCode.TargetFull, () =>
            A.Client.ExportSeedAsync(ProtectedQemu.Group, new SeedRequest(medium), None));
        Assert.Equal(["letter"], Directory.GetFileSystemEntries(medium).Select(Path.GetFileName));
    }

    private async Task DamagedIsRefusedAsync(string carried, SeedInfo seed)
    {
        var file = seed.Volumes[0].File;
        var whole = await File.ReadAllBytesAsync(file, None);
        var damaged = whole.ToArray();
        damaged[60] ^= 1;
        await File.WriteAllBytesAsync(file, damaged[..^1], None);
        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () =>
            B.Client.VerifySeedAsync(ProtectedQemu.Group, new SeedRequest(carried), None));
        Assert.True(refused.Errors!.Count >= 3, string.Join("; ", refused.Errors));
        await File.WriteAllBytesAsync(file, whole, None);
    }

    /// <returns>Bytes of the blocks that were written, each counted once.</returns>
    private static async Task<long> WriteAsync(ProtectedQemu vm, CancellationToken ct)
    {
        var blocks = 0;
        for (; blocks == 0 || (!ct.IsCancellationRequested && blocks < 4000); blocks++)
            await vm.Qemu.WriteAsync(0, (byte)(0x41 + blocks % 20), blocks * 8192L % StoredBytes, 4096);
        return Math.Min(blocks, StoredBytes / 8192) * 4096;
    }

    private static async Task<ProblemException> RefusedAsync(ReasonCode reason, Func<Task> request)
    {
        var refused = await Assert.ThrowsAsync<ProblemException>(request);
        Assert.True(refused.Reason == reason, $"{refused.Reason} instead of {reason}: {refused.Message}");
        return refused;
    }
}
