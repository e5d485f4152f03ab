// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Tests.Replicas;

/// <summary>
/// What worlds with decaying media have shown once: damage that met something else that was under way.
/// </summary>
public sealed partial class ReplicaDecayTests
{
    private const ushort Volume = 5;
    private const string Image = "shop-db1.data0.raw", SumsOfVolume = "base-5.sums";
    private const int Block = 4096;
    private const long HeadOfIndex = 20, EntriesOfIndex = 64;
    private static readonly CancellationToken Ct = CancellationToken.None;
    private readonly ReplicaBench _bench = new(3);

    [Fact]
    public async Task A_block_that_is_brought_in_pieces_is_not_believed_when_it_decays_in_between()
    {
        await using var replica = await FoldedAsync();
        var disk = _bench.Source.ImageAt(_bench.Source.Last)[Volume];
        Flip(1);
        await ScrubAsync(replica);
        Assert.Equal(DamagePlace.Base, Assert.Single(replica.Damages).Place);

        await _bench.TakeAsync(replica, _bench.Source.BeginBatch(newStream: false));
        await _bench.TakeAsync(replica, _bench.Source.Write(Volume, 0, disk.AsSpan(0, Block / 2)));
        var first = _bench.Source.Last;
        // A run ends in here.
        for (var i = 0; i < 3; i++)
            await _bench.TakeAsync(replica, _bench.Source.Write(0, 0, _bench.Prng.Bytes(32 << 10)));
        await _bench.TakeAsync(replica, _bench.Source.Write(Volume, Block / 2, disk.AsSpan(Block / 2, Block / 2)));
        var second = _bench.Source.Last;
        await _bench.TakeAsync(replica, _bench.Source.EndBatch());
        for (var i = 0; i < 30; i++) await _bench.CutAsync(replica);
        while (replica.FoldedSequence < first) await _bench.FoldAsync(replica, budget: 1);
        Assert.True(replica.FoldedSequence < second);
        Flip(2);
        await _bench.FoldAsync(replica);
        await ScrubAsync(replica);

        Assert.Equal(Block, Assert.Single(replica.Lost).Length);
        Assert.All(replica.Points, p => Assert.Equal(PointState.Damaged, p.State));
    }

    [Fact]
    public async Task A_view_of_a_state_that_lost_a_stretch_is_refused_after_a_restart_and_the_stream_too()
    {
        await using (var replica = await _bench.StartedAsync())
        {
            await _bench.CutAsync(replica);
            await replica.OpenViewAsync("kept", null, writable: true, Ct);
            await _bench.TakeAsync(replica, _bench.Source.Write());
            await _bench.CutAsync(replica);
            await replica.OpenViewAsync("lost", null, writable: true, Ct);
        }
        var id = await LoseAsync(sequence: _bench.Source.Last - 1);
        await using var again = await _bench.OpenAsync();
        Assert.NotEqual(id, again.ReplicaId);
        Assert.Equal(_bench.Source.Last, again.DurableSequence);
        var lost = Assert.Single(again.Damages);
        Assert.Equal((DamagePlace.Stretch, _bench.Source.Last - 1), (lost.Place, lost.Sequence));
        Assert.Equal([PointState.Sealed, PointState.Damaged], again.Points.Select(p => p.State));
        await _bench.CheckAsync(await again.OpenViewAsync("kept", null, writable: true, Ct));
        var failure = await Assert.ThrowsAsync<ReplicaException>(
            () => again.OpenViewAsync("lost", null, writable: true, Ct));
        Assert.Equal(ReplicaFault.Damaged, failure.Fault);
        Assert.Equal(ReplicaAppendOutcome.UnknownStream, await _bench.AppendAsync(again, _bench.Source.Write()));
    }

    /// <summary>A record that stands behind a damaged one in its block cannot be told without the index, and is lost
    /// with it. Whoever looked before knows where it is, and it is whole; but folding goes on without it.</summary>
    [Theory]
    [InlineData(HeadOfIndex)]
    [InlineData(EntriesOfIndex)]
    public async Task What_is_compared_once_a_stretch_is_lost_is_without_it_also_at_a_sequence_compared_before(
        long indexByte)
    {
        await using var replica = await _bench.StartedAsync();
        var (stays, lost) = await WriteOverAsync(
            replica, () => _bench.Source.Write(Volume, 0, _bench.Prng.Bytes(Block)));
        Assert.NotEqual(DigestOf(stays), await DigestAsync(replica));

        await FlipRecordAsync(lost, indexByte);
        await ScrubAsync(replica);
        Assert.Equal(lost, Assert.Single(replica.Damages, d => d.IsStretch).Sequence);
        Assert.True(await replica.TryClaimAsync(_bench.Source.Epoch, 0, Ct));
        Assert.Equal(DigestOf(stays), await DigestAsync(replica));
    }

    /// <summary>Its table can be whole when its entries are not, and of zeroes it says all that a compare asks for.
    /// </summary>
    [Fact]
    public async Task Who_compares_before_the_new_index_is_written_does_not_take_the_table_of_the_old_one()
    {
        await using var replica = await _bench.StartedAsync();
        var (stays, lost) = await WriteOverAsync(replica, () => _bench.Source.Zero(Volume, 0, Block));
        var index = Path.ChangeExtension(await FlipRecordAsync(lost, EntriesOfIndex), ".idx");
        var (writing, compared) = (false, Task.FromResult<byte[]>([]));
        _bench.Disk.Faults = o =>
        {
            if (writing || o.Verb != DiskVerb.Write || o.File != index) return null;
            writing = true;
            compared = CompareAsync();
            return null;
        };
        await ScrubAsync(replica);
        Assert.Equal(DigestOf(stays), await compared);

        async Task<byte[]> CompareAsync()
        {
            // Whoever opens a view hears of it.
            await Assert.ThrowsAsync<ReplicaException>(
                () => replica.OpenViewAsync("look", _bench.Source.Last, writable: false, Ct));
            Assert.Equal(lost, Assert.Single(replica.Damages, d => d.IsStretch).Sequence);
            Assert.True(await replica.TryClaimAsync(_bench.Source.Epoch, 0, Ct));
            return await DigestAsync(replica);
        }
    }

    /// <summary>Its records were there when the first was compared, so nobody sent what they had written.</summary>
    [Fact]
    public async Task A_stretch_that_is_lost_behind_one_that_was_compared_and_mended_is_another()
    {
        await using var replica = await _bench.StartedAsync();
        var first = await FillSegmentAsync(replica);
        var second = await FillSegmentAsync(replica);
        await _bench.CutAsync(replica);
        await FlipRecordAsync(first);
        await ScrubAsync(replica);
        Assert.True(await replica.TryClaimAsync(_bench.Source.Epoch, 0, Ct));
        var disk = _bench.Source.ImageAt(_bench.Source.Last)[Volume];
        await _bench.TakeAsync(replica, _bench.Source.BeginBatch(newStream: true));
        await _bench.TakeAsync(replica, _bench.Source.Write(Volume, 0, disk.AsSpan(0, Block)));
        await _bench.TakeAsync(replica, _bench.Source.EndBatch());
        await _bench.CutAsync(replica);
        Assert.NotNull(Assert.Single(replica.Damages).MendedAt);
        Assert.Equal(_bench.Source.Last, replica.NewestSound?.Sequence);
        await ScrubAsync(replica); // tells of the first once more
        Assert.Single(replica.Damages);

        var id = replica.ReplicaId;
        await FlipRecordAsync(second);
        await ScrubAsync(replica);
        Assert.Equal([first, second], replica.Damages.Select(d => d.Sequence));
        Assert.All(replica.Points.Where(p => p.Sequence > first), p => Assert.Equal(PointState.Damaged, p.State));
        Assert.True(await replica.TryClaimAsync(_bench.Source.Epoch, 0, Ct));
        Assert.NotEqual(id, replica.ReplicaId);
    }

    /// <summary>What says how far records were durable is never flushed itself, and is gone then.</summary>
    [Fact]
    public async Task What_a_flip_takes_of_the_journals_end_is_told_also_when_power_was_lost_before()
    {
        await using (var replica = await _bench.StartedAsync()) await _bench.CutAsync(replica);
        _bench.Disk.Crash(CrashStyle.LoseAll);
        var id = await LoseAsync(sequence: _bench.Source.Last);
        await using var again = await _bench.OpenAsync();
        Assert.Equal(_bench.Source.Last - 1, again.DurableSequence);
        Assert.Contains(again.Damages, d => d.Place == DamagePlace.JournalEnd);
        Assert.NotEqual(id, again.ReplicaId);
    }

    /// <summary>Nothing else tells then that there was more.</summary>
    [Fact]
    public async Task What_a_flip_takes_of_what_was_to_be_folded_is_told_and_holds_no_compare_back()
    {
        Guid id;
        long promised;
        await using (var replica = await _bench.StartedAsync())
        {
            for (var i = 0; i < 30; i++) await _bench.CutAsync(replica);
            await _bench.FoldAsync(replica, budget: 0);
            (id, promised) = (replica.ReplicaId, replica.Points[0].Sequence);
            Assert.Equal(0, replica.FoldedSequence);
        }
        _bench.Disk.Crash(CrashStyle.LoseAll);
        await FlipRecordAsync(promised - 3);
        await using (var again = await _bench.OpenAsync())
        {
            var damage = Assert.Single(again.Damages);
            Assert.Equal((DamagePlace.Stretch, promised - 3), (damage.Place, damage.Sequence));
            Assert.Equal((promised - 3, promised), (damage.LostTo, again.AppendedSequence));
            Assert.NotEqual(id, again.ReplicaId);
        }
        await BringAllAsync(_bench);
    }

    [Fact]
    public async Task A_fold_that_was_cut_off_and_lost_its_records_since_is_done_again_without_them()
    {
        var cutOff = 0;
        for (var steps = 1; steps < 40; steps++)
        {
            var bench = new ReplicaBench(3);
            await using (var replica = await bench.StartedAsync())
            {
                for (var i = 0; i < 30; i++) await bench.CutAsync(replica);
                bench.Disk.CrashAfter(steps);
                try
                {
                    await bench.FoldAsync(replica);
                }
                catch (StorageException)
                {
                    cutOff++;
                }
            }
            bench.Disk.Crash(CrashStyle.LoseAll);
            await FlipRecordAsync(bench, sequence: 15);
            await BringAllAsync(bench);
        }
        Assert.InRange(cutOff, 10, 39);
    }

    // A block of a disk, a record that will be lost, and behind that, in the same block of the journal, one that is
    // about the first once more.
    private async Task<(byte[] Stays, long Lost)> WriteOverAsync(Replica replica, Func<byte[]> behind)
    {
        var stays = _bench.Prng.Bytes(Block);
        await _bench.TakeAsync(replica, _bench.Source.Write(Volume, 0, stays));
        byte[] damaged = _bench.Source.Write(Volume, Block, _bench.Prng.Bytes(Block));
        var lost = _bench.Source.Last;
        await _bench.TakeAsync(replica, [.. damaged, .. behind()]);
        // The segment is complete.
        for (var i = 0; i < 3; i++)
            await _bench.TakeAsync(replica, _bench.Source.Write(0, 0, _bench.Prng.Bytes(32 << 10)));
        await _bench.CutAsync(replica);
        return (stays, lost);
    }

    private async Task<byte[]> DigestAsync(Replica replica)
    {
        var digest = new byte[BlockDigest.Length];
        await replica.DigestAsync(Volume, 0, Block, Block, _bench.Source.Last, digest, Ct);
        return digest;
    }

    // A record, and so much behind it that its segment is complete.
    private async Task<long> FillSegmentAsync(Replica replica)
    {
        await _bench.TakeAsync(replica, _bench.Source.Write(Volume, 0, _bench.Prng.Bytes(Block)));
        var sequence = _bench.Source.Last;
        for (var i = 0; i < 3; i++)
            await _bench.TakeAsync(replica, _bench.Source.Write(0, 0, _bench.Prng.Bytes(32 << 10)));
        return sequence;
    }

    private static byte[] DigestOf(byte[] block)
    {
        var digest = new byte[BlockDigest.Length];
        BlockDigest.Compute(block, digest);
        return digest;
    }

    private async Task<Replica> FoldedAsync()
    {
        var replica = await _bench.StartedAsync();
        await _bench.TakeAsync(replica, _bench.Source.BeginBatch(newStream: false));
        await _bench.TakeAsync(replica, _bench.Source.Write(Volume, 0, _bench.Prng.Bytes(Block)));
        await _bench.TakeAsync(replica, _bench.Source.EndBatch());
        await CutAndFoldAsync(replica);
        return replica;
    }

    private async Task CutAndFoldAsync(Replica replica)
    {
        for (var i = 0; i < 30; i++) await _bench.CutAsync(replica);
        await _bench.FoldAsync(replica);
    }

    // What the volume holds there, as the source sends what was lost.
    private async Task BringAsync(Replica replica, long offset, long length)
    {
        var disk = _bench.Source.ImageAt(_bench.Source.Last)[Volume];
        await _bench.TakeAsync(replica, _bench.Source.BeginBatch(newStream: false));
        foreach (var piece in disk[(int)offset..(int)(offset + length)].Chunk(32 << 10))
        {
            await _bench.TakeAsync(replica, _bench.Source.Write(Volume, offset, piece));
            offset += piece.Length;
        }
        await _bench.TakeAsync(replica, _bench.Source.EndBatch());
        await CutAndFoldAsync(replica);
    }

    private void Flip(long at) => Assert.True(_bench.Disk.Flip("images", Image, at, 4));

    private static async Task ScrubAsync(Replica replica)
    {
        while (await replica.ScrubAsync(1 << 20, Ct) != ScrubOutcome.PassDone) { }
    }

    // The record of a sequence and the index of its segment.
    private async Task<Guid> LoseAsync(long sequence)
    {
        Guid id;
        await using (var replica = await _bench.OpenAsync()) id = replica.ReplicaId;
        await FlipRecordAsync(sequence);
        return id;
    }

    private Task<string> FlipRecordAsync(long sequence, long indexByte = HeadOfIndex) =>
        FlipRecordAsync(_bench, sequence, indexByte);

    // Every index, and the record of a sequence in the segment whose name is returned.
    private static async Task<string> FlipRecordAsync(
        ReplicaBench bench, long sequence, long indexByte = HeadOfIndex)
    {
        var found = "";
        var storage = new SimulatedStorage(bench.Disk, "shop");
        foreach (var (name, length) in bench.Disk.Files("shop"))
        {
            if (name.EndsWith(".idx", StringComparison.Ordinal)) bench.Disk.Flip("shop", name, indexByte, 1);
            if (!name.EndsWith(".lbj", StringComparison.Ordinal)) continue;
            await using var file = await storage.OpenAsync(name, create: false, Ct);
            var bytes = new byte[length];
            await file.ReadAsync(0, bytes, Ct);
            for (var at = 4096; at < bytes.Length - 64; at++)
                if (bytes.AsSpan(at, 4).SequenceEqual("LBRC"u8) && BitConverter.ToInt64(bytes, at + 16) == sequence)
                {
                    Assert.True(bench.Disk.Flip("shop", name, at + 33, 1));
                    found = name;
                }
        }
        return found;
    }

    // All of both disks, as after a compare that found nothing alike. A fold comes between, as it may.
    private static async Task BringAllAsync(ReplicaBench bench)
    {
        await using (var replica = await bench.OpenAsync())
        {
            var before = replica.AppendedSequence;
            bench.Source.ForgetAfter(before);
            Assert.True(await replica.TryClaimAsync(bench.Source.Epoch, 0, Ct));
            await bench.TakeAsync(replica, bench.Source.BeginBatch(newStream: true));
            foreach (var (volume, bytes) in bench.Source.ImageAt(before))
                await bench.TakeAsync(replica, bench.Source.Write(volume, 0, bytes));
            await bench.FoldAsync(replica);
            Assert.True(replica.FoldedSequence <= before);
            await replica.DigestAsync(0, 0, Block, Block, before, new byte[BlockDigest.Length], Ct);
        }
        await using var again = await bench.OpenAsync(); // the digest holds folding back no more
        await bench.TakeAsync(again, bench.Source.EndBatch());
        for (var i = 0; i < 30; i++) await bench.CutAsync(again);
        await bench.FoldAsync(again);
        Assert.Empty(again.Damages);
        await bench.CheckPointsAsync(again);
    }
}
