// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Tests.Replicas;

// Volumes that are not as long as they were, or as their image is.
public sealed partial class ReplicaDecayTests
{
    [Fact]
    public async Task What_a_volume_held_before_it_grew_has_its_checksums_also_when_opened_again()
    {
        await using (var replica = await FoldedAsync())
        {
            await _bench.TakeAsync(replica, _bench.Source.BeginBatch(newStream: false));
            await _bench.TakeAsync(replica, _bench.Source.Size(Volume, (64 << 10) + 512));
            await _bench.TakeAsync(replica, _bench.Source.EndBatch());
            await _bench.CutAsync(replica);
            Assert.Equal(1, replica.ScrubState.ChecksumsTo);
        }
        await using var again = await _bench.OpenAsync();
        Assert.Equal(1, again.ScrubState.ChecksumsTo);
        Flip(1);
        await ScrubAsync(again);
        Assert.Equal((DamagePlace.Base, 0L), (Assert.Single(again.Damages).Place, again.Damages[0].Offset));
    }

    /// <summary>Zeroes that were added have the sum of zeroes. What decays among them is no hole any more, and must not
    /// pass for what a disk of the user's has there.</summary>
    [Theory]
    [InlineData(64 << 10)]
    [InlineData((64 << 10) + 512)]
    public async Task What_decays_where_a_volume_has_grown_is_found_when_it_is_opened_again(int before)
    {
        const int after = 160 << 10, place = 100 << 10;
        await using (var replica = await FoldedAsync())
        {
            foreach (var size in new[] { before, after })
            {
                await _bench.TakeAsync(replica, _bench.Source.BeginBatch(newStream: false));
                await _bench.TakeAsync(replica, _bench.Source.Size(Volume, size));
                await _bench.TakeAsync(replica, _bench.Source.EndBatch());
                await _bench.CutAsync(replica);
            }
        }
        Flip(place);
        await using var again = await _bench.OpenAsync();
        Assert.Equal(1, again.ScrubState.ChecksumsTo);
        await ScrubAsync(again);
        Assert.Equal([new LostRange(Volume, place, Block)], again.Lost);
        Assert.Equal(PointState.Damaged, again.Points[^1].State);
    }

    /// <summary>A disk that had grown before another site took over is longer than the volume that comes back to it.
    /// </summary>
    [Theory]
    [InlineData(64 << 10, false)]
    [InlineData((64 << 10) - 512, false)]
    [InlineData((64 << 10) - 512, true)]
    public async Task What_an_image_has_behind_the_end_of_its_volume_is_neither_asked_for_nor_missed(
        int size, bool foldedFirst)
    {
        _bench.Definition = _bench.Definition with
        {
            Volumes = [_bench.Definition.Volumes[0], _bench.Definition.Volumes[1] with { SizeBytes = 160 << 10 }],
        };
        await using var replica = await _bench.OpenAsync();
        await _bench.TakeAsync(replica, _bench.Source.BeginBatch(newStream: true));
        await _bench.TakeAsync(replica, _bench.Source.Size(Volume, size));
        await _bench.TakeAsync(replica, _bench.Source.Write(Volume, 0, _bench.Prng.Bytes(Block)));
        await _bench.TakeAsync(replica, _bench.Source.EndBatch());
        await CutAndFoldAsync(replica);
        Assert.True(_bench.Disk.Flip("shop", SumsOfVolume, 1, 4));
        if (!foldedFirst) await ScrubAsync(replica);
        else await BringAsync(replica, 0, Block);
        var disk = _bench.Source.ImageAt(_bench.Source.Last)[Volume];
        Assert.Contains(replica.Lost, l => l == new LostRange(Volume, 0, size));
        // A block that the end of the volume cuts is brought twice: the first time its table was not to be trusted.
        for (var times = 0; times < 2 && replica.Lost is [var lost, ..]; times++)
        {
            await BringAsync(replica, lost.Offset, lost.Length);
            await ScrubAsync(replica);
        }
        Assert.Empty(replica.Damages);
        Assert.All(replica.Points, p => Assert.Equal(PointState.Sealed, p.State));
        var bytes = new byte[size];
        await (await replica.OpenViewAsync("end", null, writable: true, Ct)).ReadAsync(Volume, 0, bytes, Ct);
        Assert.Equal(disk[..size], bytes);
    }

    /// <summary>A base has the length that was asked for first, and the stream may begin with a shorter disk.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_damaged_behind_the_end_of_a_volume_is_lost_to_nobody(bool foundBefore)
    {
        const int size = 48 << 10;
        await using (var replica = await _bench.OpenAsync())
        {
            Flip(size - Block);
            Flip(size);
            if (foundBefore) await ScrubAsync(replica);
            await _bench.TakeAsync(replica, _bench.Source.BeginBatch(newStream: true));
            await _bench.TakeAsync(replica, _bench.Source.Size(Volume, size));
            await _bench.TakeAsync(replica, _bench.Source.EndBatch());
            await _bench.CutAsync(replica);
            await ScrubAsync(replica);
            Assert.Equal([new LostRange(Volume, size - Block, Block)], replica.Lost);
            for (var i = 0; i < 30; i++) await _bench.CutAsync(replica);
            await _bench.FoldAsync(replica);
        }
        await using var again = await _bench.OpenAsync();
        await again.LookAgainAsync(Ct);
        Assert.Equal([new LostRange(Volume, size - Block, Block)], again.Lost);
        await _bench.TakeAsync(again, _bench.Source.BeginBatch(newStream: false));
        await _bench.TakeAsync(again, _bench.Source.Zero(Volume, size - Block, Block));
        await _bench.TakeAsync(again, _bench.Source.EndBatch());
        await _bench.CutAsync(again);
        Assert.Empty(again.Lost);
        Assert.Equal(PointState.Sealed, again.Points[^1].State);
    }

    /// <summary>A last block that is short has no sum any more when the volume grows. What was wrong in it is known
    /// all the same.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_damaged_at_the_end_of_a_volume_stays_so_when_it_grows(bool known)
    {
        const int size = (64 << 10) + 512;
        var end = _bench.Prng.Bytes(512);
        await using var replica = await _bench.StartedAsync();
        await _bench.TakeAsync(replica, _bench.Source.BeginBatch(newStream: false));
        await _bench.TakeAsync(replica, _bench.Source.Size(Volume, size));
        await _bench.TakeAsync(replica, _bench.Source.Write(Volume, size - 512, end));
        await _bench.TakeAsync(replica, _bench.Source.EndBatch());
        await CutAndFoldAsync(replica);
        await ScrubAsync(replica);
        Flip(size - 512 + 7);
        if (known) await ScrubAsync(replica);
        await _bench.TakeAsync(replica, _bench.Source.BeginBatch(newStream: false));
        await _bench.TakeAsync(replica, _bench.Source.Size(Volume, 128 << 10));
        await _bench.TakeAsync(replica, _bench.Source.EndBatch());
        await _bench.CutAsync(replica);
        await replica.LookAgainAsync(Ct);
        await ScrubAsync(replica);
        Assert.Contains(replica.Lost, l => l.Volume == Volume && l.Offset <= size - 512
            && l.Offset + l.Length >= size);
        Assert.Equal(PointState.Damaged, replica.Points[^1].State);
        await BringAsync(replica, 64 << 10, Block);
        await ScrubAsync(replica);
        Assert.Empty(replica.Damages);
        Assert.Equal(PointState.Sealed, replica.Points[^1].State);
    }
}
