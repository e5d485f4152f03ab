// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Tests.Replicas;

public sealed class ReplicaViewTests
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    private readonly ReplicaBench _bench = new(1, retention: TimeSpan.FromSeconds(3));

    [Fact]
    public async Task An_open_view_stays_as_it_was_while_the_base_moves()
    {
        await using var replica = await FilledAsync(5);
        var first = await replica.OpenViewAsync("first", replica.Points[0].Sequence, writable: false, Ct);
        var newest = await replica.OpenViewAsync("newest", null, writable: false, Ct);
        for (var i = 0; i < 20; i++) await WriteAndCutAsync(replica);
        await _bench.FoldAsync(replica);
        Assert.Equal(first.Sequence, replica.FoldedSequence);
        await _bench.CheckAsync(first);
        await _bench.CheckAsync(newest);

        await replica.CloseViewAsync("first", Ct);
        await _bench.FoldAsync(replica);
        Assert.Equal(newest.Sequence, replica.FoldedSequence);
        await _bench.CheckAsync(newest);
        await replica.CloseViewAsync("newest", Ct);
        await replica.CloseViewAsync("newest", Ct);
        await _bench.FoldAsync(replica);
        Assert.True(replica.FoldedSequence > newest.Sequence);
    }

    [Fact]
    public async Task A_view_holds_folding_after_a_restart_before_it_is_opened_again()
    {
        long sequence;
        await using (var replica = await FilledAsync(5))
            sequence = (await replica.OpenViewAsync("drill", null, writable: false, Ct)).Sequence;
        _bench.Disk.KillProcesses();
        await using var again = await _bench.OpenAsync();
        for (var i = 0; i < 20; i++) await WriteAndCutAsync(again);
        await _bench.FoldAsync(again);
        Assert.Equal(sequence, again.FoldedSequence);
        Assert.Equal(["drill"], again.Views);
        var view = await again.OpenViewAsync("drill", null, writable: false, Ct);
        Assert.Equal(sequence, view.Sequence);
        await _bench.CheckAsync(view);
    }

    [Fact]
    public async Task A_name_is_one_view()
    {
        await using var replica = await FilledAsync(3);
        var point = replica.Points[1].Sequence;
        var view = await replica.OpenViewAsync("drill", point, writable: true, Ct);
        Assert.Same(view, await replica.OpenViewAsync("drill", point, writable: true, Ct));
        await ThrowsAsync(ReplicaFault.ViewConflict, () => replica.OpenViewAsync("drill", point, false, Ct));
        await ThrowsAsync(ReplicaFault.ViewConflict,
            () => replica.OpenViewAsync("drill", replica.Points[0].Sequence, true, Ct));
        await Assert.ThrowsAsync<ArgumentException>(() => replica.OpenViewAsync("../x", point, false, Ct));
    }

    [Fact]
    public async Task Any_sequence_of_the_history_opens_unless_it_is_in_or_next_to_a_batch()
    {
        await using var replica = await FilledAsync(2);
        var cut = replica.Points[^1].Sequence;
        await _bench.TakeAsync(replica, _bench.Source.Write());
        var unsure = _bench.Source.Last;
        await _bench.TakeAsync(replica, _bench.Source.BeginBatch(newStream: false));
        await _bench.TakeAsync(replica, _bench.Source.Write());
        var inside = _bench.Source.Last;
        await _bench.TakeAsync(replica, _bench.Source.EndBatch());
        await _bench.TakeAsync(replica, _bench.Source.Write());
        var behind = _bench.Source.Last;
        await _bench.CutAsync(replica);

        await _bench.CheckAsync(await replica.OpenViewAsync("a", cut - 2, writable: false, Ct));
        await _bench.CheckAsync(await replica.OpenViewAsync("b", behind, writable: false, Ct));
        await ThrowsAsync(ReplicaFault.SequenceUnknown, () => replica.OpenViewAsync("c", unsure, false, Ct));
        await ThrowsAsync(ReplicaFault.SequenceUnknown, () => replica.OpenViewAsync("c", inside, false, Ct));
        await ThrowsAsync(ReplicaFault.SequenceUnknown, () => replica.OpenViewAsync("c", 2, false, Ct));
        await ThrowsAsync(ReplicaFault.SequenceUnknown,
            () => replica.OpenViewAsync("c", _bench.Source.Last + 1, false, Ct));
        Assert.Equal(["a", "b"], replica.Views);
    }

    [Fact]
    public async Task Without_a_sealed_point_there_is_no_view()
    {
        await using var replica = await _bench.StartedAsync();
        await replica.FlushAsync(Ct);
        await ThrowsAsync(ReplicaFault.SequenceUnknown, () => replica.OpenViewAsync("a", null, false, Ct));
    }

    [Fact]
    public async Task What_is_written_to_a_view_is_read_from_it_and_nowhere_else_and_is_dropped_at_close()
    {
        await using var replica = await FilledAsync(3);
        var view = (WritableView)await replica.OpenViewAsync("drill", null, writable: true, Ct);
        var model = _bench.Source.ImageAt(view.Sequence)[0];
        for (var i = 0; i < 200; i++)
        {
            await ScribbleAsync(view, model);
            var from = _bench.Prng.Next(model.Length);
            await CheckAsync(view, model, from, _bench.Prng.Next(1, model.Length - from + 1));
        }
        await CheckAsync(view, model, 0, model.Length);
        await _bench.CheckAsync(await replica.OpenViewAsync("other", view.Sequence, writable: false, Ct));

        await replica.CloseViewAsync("drill", Ct);
        Assert.DoesNotContain(await _bench.Storage.ListAsync(Ct),
            f => f.StartsWith("view-", StringComparison.Ordinal));
        await _bench.CheckAsync(await replica.OpenViewAsync("drill", view.Sequence, writable: true, Ct));
    }

    [Fact]
    public async Task A_killed_process_loses_nothing_of_what_was_written_to_a_view()
    {
        var model = Array.Empty<byte>();
        await using (var replica = await FilledAsync(3))
        {
            var view = (WritableView)await replica.OpenViewAsync("drill", null, writable: true, Ct);
            model = _bench.Source.ImageAt(view.Sequence)[0];
            for (var i = 0; i < 50; i++) await ScribbleAsync(view, model);
            _bench.Disk.KillProcesses();
        }
        await using var again = await _bench.OpenAsync();
        await CheckAsync(await again.OpenViewAsync("drill", null, writable: true, Ct), model, 0, model.Length);
    }

    [Fact]
    public async Task Digests_are_of_the_bytes_at_the_sequence_also_in_a_batch_and_hold_folding()
    {
        await using var replica = await FilledAsync(3);
        await _bench.TakeAsync(replica, _bench.Source.BeginBatch(newStream: true));
        await _bench.TakeAsync(replica, _bench.Source.Write());
        var at = _bench.Source.Last;
        await _bench.TakeAsync(replica, _bench.Source.Zero());
        await CheckDigestsAsync(replica, at);
        await _bench.TakeAsync(replica, _bench.Source.EndBatch());
        for (var i = 0; i < 10; i++) await WriteAndCutAsync(replica);
        await _bench.FoldAsync(replica);
        await CheckDigestsAsync(replica, at);
        Assert.True(replica.FoldedSequence <= at);
        await ThrowsAsync(ReplicaFault.SequenceUnknown, () =>
            replica.DigestAsync(0, 0, 4096, 4096, _bench.Source.Last + 1, new byte[16], Ct).AsTask());
    }

    [Fact]
    public async Task A_node_of_the_tree_is_the_digest_of_its_leaves_read_once_and_right_where_nothing_is_stored()
    {
        const int length = (64 << 20) + (3 << 20) + 4096;
        var bench = new ReplicaBench(7);
        bench.Definition = bench.Definition with { Volumes = [new ReplicaVolume(5, "large", length)] };
        await using var replica = await bench.OpenAsync();
        await TreeAsync(replica, new byte[length], 0);
        var source = new ModelSource(bench.Prng, new Dictionary<ushort, int> { [5] = length });
        foreach (var records in new[] { source.BeginBatch(newStream: true), source.Write(), source.Zero() })
            Assert.Equal(ReplicaAppendOutcome.Appended, await replica.AppendAsync(
                source.Epoch, source.StreamId, replica.AppendedSequence + 1, records, Ct));
        await TreeAsync(replica, source.ImageAt(source.Last)[5], source.Last);
    }

    private static async Task TreeAsync(Replica replica, byte[] model, long sequence)
    {
        var leaves = new byte[(model.Length + (1 << 20) - 1) / (1 << 20)][];
        for (var i = 0; i < leaves.Length; i++)
            leaves[i] = SHA256.HashData(model.AsSpan(i << 20, Math.Min(1 << 20, model.Length - (i << 20))))[..16];
        byte[] expected =
        [
            .. SHA256.HashData(leaves[..64].SelectMany(l => l).ToArray())[..16],
            .. SHA256.HashData(leaves[64..].SelectMany(l => l).ToArray())[..16],
        ];
        var nodes = new byte[32];
        await replica.DigestAsync(5, 0, model.Length, 64 << 20, sequence, nodes, Ct);
        Assert.Equal(expected, nodes);
        var remembered = new byte[64 * 16];
        await replica.DigestAsync(5, 0, 64 << 20, 1 << 20, sequence, remembered, Ct);
        Assert.Equal(leaves[..64].SelectMany(l => l), remembered);
    }

    [Fact]
    public void The_digest_is_the_first_half_of_sha_256()
    {
        var digest = new byte[16];
        foreach (var block in new[] { new byte[4096], _bench.Prng.Bytes(4096), new byte[512] })
        {
            BlockDigest.Compute(block, digest);
            Assert.Equal(SHA256.HashData(block)[..16], digest);
        }
    }

    private async Task CheckDigestsAsync(Replica replica, long sequence)
    {
        var image = _bench.Source.ImageAt(sequence)[5];
        var length = image.Length - 1000; // the last block is short
        var digests = new byte[(length + 4095) / 4096 * 16];
        await replica.DigestAsync(5, 0, length, 4096, sequence, digests, Ct);
        for (var i = 0; i * 4096 < length; i++)
            Assert.Equal(SHA256.HashData(image.AsSpan(i * 4096, Math.Min(4096, length - i * 4096)))[..16],
                digests[(i * 16)..(i * 16 + 16)]);
    }

    private async Task<Replica> FilledAsync(int points)
    {
        var replica = await _bench.StartedAsync();
        for (var i = 0; i < points; i++) await WriteAndCutAsync(replica);
        return replica;
    }

    private async Task WriteAndCutAsync(Replica replica)
    {
        for (var i = 0; i < 5; i++) await _bench.TakeAsync(replica, _bench.Source.Write());
        await _bench.TakeAsync(replica, _bench.Source.Zero());
        await _bench.CutAsync(replica);
    }

    private async Task ScribbleAsync(WritableView view, byte[] model)
    {
        var from = _bench.Prng.Next(model.Length);
        var length = 1 + _bench.Prng.Next(Math.Min(20000, model.Length - from));
        if (_bench.Prng.Chance(0.3))
        {
            await view.ZeroAsync(0, from, length, Ct);
            model.AsSpan(from, length).Clear();
            return;
        }
        var data = _bench.Prng.Bytes(length);
        await view.WriteAsync(0, from, data, Ct);
        data.CopyTo(model, from);
    }

    private static async Task CheckAsync(PointInTimeView view, byte[] model, int from, int length)
    {
        var bytes = new byte[length];
        await view.ReadAsync(0, from, bytes, Ct);
        Assert.True(model.AsSpan(from, length).SequenceEqual(bytes));
    }

    private static async Task ThrowsAsync(ReplicaFault fault, Func<Task> action) =>
        Assert.Equal(fault, (await Assert.ThrowsAsync<ReplicaException>(action)).Fault);
}
