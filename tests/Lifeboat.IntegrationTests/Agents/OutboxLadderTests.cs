// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>More than the memory of the outbox holds, with a real QEMU, files and links.</summary>
public sealed class OutboxLadderTests : TwoAgents
{
    private static readonly CancellationToken None = CancellationToken.None;
    private const long MemoryBytes = 16 << 20;
    private readonly List<(Guid Id, long Sequence, byte[] Disk)> _cut = [];

    [Fact]
    public async Task Every_point_of_an_outage_and_of_a_suspension_is_sealed_and_nothing_is_moved_by_map()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        var spec = vm.SourceSpec(B.Name, B.LinkAddress);
        spec = spec with { Policy = spec.Policy with { OutboxBytes = MemoryBytes, OutboxLogBytes = 128 << 20 } };
        await B.Client.PutReplicaAsync(vm.ReplicaSpec(A.Name), None);
        await A.Client.PutSourceAsync(spec, None);
        var before = await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);

        await B.StopAsync();
        await WriteAndCutAsync(vm, 8, 3 << 20);
        await ProtectedQemu.WaitAsync(A, s => s.Outbox is { Rung: OutboxRung.Log, Reason: ReasonCode.LinkDown });
        await B.StartAsync();
        await AllAreSealedAsync(before);

        var now = DateTimeOffset.UtcNow;
        var suspended = new Suspension("works on the link", now, now + TimeSpan.FromHours(1));
        await A.Client.PutSourceAsync(spec with { Suspension = suspended }, None);
        await WriteAndCutAsync(vm, 3, 256 << 10);
        var status = await ProtectedQemu.WaitAsync(A, s => s.Outbox is { Rung: OutboxRung.Log, MemoryBytes: 0 });
        Assert.Equal((ReasonCode.SuspendedByOperator, suspended), (status.Outbox!.Reason, status.Suspension));
        await A.Client.PutSourceAsync(spec, None);
        await AllAreSealedAsync(before);

        await A.Client.DeleteSourceAsync(ProtectedQemu.Group, uninstall: true, None);
        Assert.False(Directory.Exists(Path.Combine(A.Paths.AgentState, "outbox", ProtectedQemu.Group)));
    }

    private async Task WriteAndCutAsync(ProtectedQemu vm, int points, int bytes)
    {
        for (var i = 0; i < points; i++)
        {
            await vm.Qemu.WriteAsync(0, (byte)(0x20 + _cut.Count), i * (2 << 20), bytes);
            // A busy machine's disk may be slower than this guest, and then order is given up: not what is tested here.
            await ProtectedQemu.WaitAsync(A, s => s.Outbox!.MemoryBytes <= MemoryBytes / 2 + (1 << 20));
            var made = await A.Client.CheckpointAsync(
                ProtectedQemu.Group, new CheckpointRequest(false, false, $"p{i}", null), None);
            _cut.Add((made.Point.Id, made.Point.Sequence, await File.ReadAllBytesAsync(vm.Qemu.Image(0), None)));
        }
    }

    private async Task AllAreSealedAsync(SourceStatus before)
    {
        var after = await ProtectedQemu.WaitAsync(A, s => s.LastSealed?.Sequence >= _cut[^1].Sequence);
        Assert.Equal((before.Attaches, 0L), (after.Attaches, after.ResyncMovedBytes));
        Assert.Equal(ResyncKind.Replay, after.LastResync);
        await ProtectedQemu.WaitAsync(A, s => s.Outbox?.Rung == OutboxRung.Memory);
        foreach (var (id, _, disk) in _cut)
        {
            var view = await B.Client.OpenViewAsync(
                ProtectedQemu.Group, new ViewRequest("compare", id, null, false), None);
            var point = await ProtectedQemu.ReadAsync(view.Volumes[0]);
            Assert.True(disk.AsSpan().SequenceEqual(point));
            await B.Client.CloseViewAsync(ProtectedQemu.Group, "compare", None);
        }
        _cut.RemoveRange(0, _cut.Count - 1);
    }
}
