// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Tests.Volumes;

/// <summary>What every replica store must do; inherited by each driver and by the simulated one.</summary>
public abstract class ReplicaStoreConformance
{
    protected const int Size = 1 << 20;
    protected static readonly CancellationToken Ct = CancellationToken.None;

    protected abstract IReplicaStore Open();
    /// <summary>Puts a raw image where a spec can name it as seed or target.</summary>
    protected abstract string Put(string name, byte[] content);

    protected static BaseImageSpec Spec(string? seed = null, string? target = null) =>
        new("shop", "db1.data0", Size, seed, target);

    [Fact]
    public async Task A_new_image_reads_as_zeroes()
    {
        await using var image = await Open().OpenAsync(Spec(), Ct);
        Assert.Equal(Size, image.SizeBytes);
        Assert.Equal(-1, (await ReadAsync(image)).AsSpan().IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public async Task Writes_and_zeroes_are_there_after_reopening()
    {
        await using (var image = await Open().OpenAsync(Spec(), Ct))
        {
            await image.WriteAsync(0, Filled(Size, 3), Ct);
            await image.ZeroAsync(4096, 8192, Ct);
            await image.ZeroAsync(Size - 100, 100, Ct);
            await image.FlushAsync(Ct);
        }
        await using var again = await Open().OpenAsync(Spec(), Ct);
        var expected = Filled(Size, 3);
        expected.AsSpan(4096, 8192).Clear();
        expected.AsSpan(Size - 100).Clear();
        Assert.Equal(expected, await ReadAsync(again));
    }

    [Fact]
    public async Task Nothing_outside_the_image_can_be_touched()
    {
        await using var image = await Open().OpenAsync(Spec(), Ct);
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await image.WriteAsync(Size, new byte[1], Ct));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await image.ReadAsync(Size - 1, new byte[2], Ct));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await image.ZeroAsync(-1, 1, Ct));
    }

    [Fact]
    public async Task A_seed_is_what_a_new_image_begins_as_and_only_a_new_one()
    {
        var seed = Put("old.raw", Filled(Size / 2, 5));
        await using (var image = await Open().OpenAsync(Spec(seed), Ct))
        {
            var bytes = await ReadAsync(image);
            Assert.Equal(-1, bytes.AsSpan(0, Size / 2).IndexOfAnyExcept((byte)5));
            Assert.Equal(-1, bytes.AsSpan(Size / 2).IndexOfAnyExcept((byte)0));
            await image.WriteAsync(0, Filled(512, 6), Ct);
            await image.FlushAsync(Ct);
        }
        await using var again = await Open().OpenAsync(Spec(seed), Ct);
        Assert.Equal(6, (await ReadAsync(again))[0]);
    }

    [Fact]
    public async Task A_seed_that_is_not_there_is_said()
    {
        var failure = await Assert.ThrowsAsync<ReplicaStoreException>(() => Open().OpenAsync(Spec("/no/such"), Ct));
        Assert.Equal(ReplicaStoreFault.SeedUnreadable, failure.Fault);
        await using var image = await Open().OpenAsync(Spec(), Ct);
        Assert.Equal(Size, image.SizeBytes);
    }

    [Fact]
    public async Task A_target_too_small_is_refused_with_both_sizes()
    {
        var target = Put("small.raw", new byte[Size - 512]);
        var failure = await Assert.ThrowsAsync<ReplicaStoreException>(
            () => Open().OpenAsync(Spec(target: target), Ct));
        Assert.Equal(ReplicaStoreFault.TargetTooSmall, failure.Fault);
        Assert.Contains($"{Size}", failure.Message);
        Assert.Contains($"{Size - 512}", failure.Message);
    }

    [Fact]
    public async Task A_target_that_is_not_there_is_said()
    {
        var failure = await Assert.ThrowsAsync<ReplicaStoreException>(
            () => Open().OpenAsync(Spec(target: "/no/such"), Ct));
        Assert.Equal(ReplicaStoreFault.TargetMissing, failure.Fault);
    }

    [Fact]
    public async Task A_target_is_used_in_place_and_survives_deletion()
    {
        var target = Put("disk.raw", Filled(Size + 4096, 1));
        await using (var image = await Open().OpenAsync(Spec(target: target), Ct))
        {
            Assert.Equal(Size, image.SizeBytes);
            await image.WriteAsync(0, Filled(512, 2), Ct);
            await image.FlushAsync(Ct);
        }
        await Open().DeleteAsync(Spec(target: target), Ct);
        await using var again = await Open().OpenAsync(Spec(target: target), Ct);
        Assert.Equal([2, 1], new[] { (await ReadAsync(again))[0], (await ReadAsync(again))[512] });
    }

    [Fact]
    public async Task An_image_of_its_own_can_grow_and_what_is_new_reads_as_zeroes()
    {
        await using (var image = await Open().OpenAsync(Spec(), Ct))
        {
            await image.WriteAsync(Size - 4096, Filled(4096, 7), Ct);
            await Assert.IsAssignableFrom<IGrowingImage>(image).GrowAsync(2 * Size, Ct);
            Assert.Equal(2 * Size, image.SizeBytes);
            await image.WriteAsync(2 * Size - 512, Filled(512, 8), Ct);
            await image.FlushAsync(Ct);
        }
        await using var again = await Open().OpenAsync(Spec() with { SizeBytes = 2 * Size }, Ct);
        var bytes = await ReadAsync(again);
        Assert.Equal([7, 0, 8], new[] { bytes[Size - 1], bytes[Size], bytes[2 * Size - 1] });
    }

    [Fact]
    public async Task Deleting_twice_is_the_same_as_once()
    {
        await using (var image = await Open().OpenAsync(Spec(), Ct)) await image.WriteAsync(0, Filled(512, 2), Ct);
        await Open().DeleteAsync(Spec(), Ct);
        await Open().DeleteAsync(Spec(), Ct);
        await using var again = await Open().OpenAsync(Spec(), Ct);
        Assert.Equal(0, (await ReadAsync(again))[0]);
    }

    [Fact]
    public async Task Free_room_is_known() => Assert.True(await Open().FreeBytesAsync(Ct) > 0);

    protected static byte[] Filled(int length, byte value)
    {
        var bytes = new byte[length];
        Array.Fill(bytes, value);
        return bytes;
    }

    protected static async Task<byte[]> ReadAsync(IBaseImage image)
    {
        var bytes = new byte[image.SizeBytes];
        await image.ReadAsync(0, bytes, Ct);
        return bytes;
    }
}
