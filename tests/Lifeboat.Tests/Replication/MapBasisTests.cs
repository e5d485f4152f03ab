// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Resync;
using Lifeboat.Testing;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Tests.Replication;

/// <summary>
/// Whoever believes a change map that begins too late leaves changes out of points that pass as sound.
/// </summary>
public sealed class MapBasisTests
{
    private const string Name = "basis.json";
    private static readonly CancellationToken Ct = CancellationToken.None;
    private static readonly Guid Replica = new("6f1c7a3e-0f4b-4c64-9a52-0a8f0c1f7d21");
    private static readonly Guid Stream = new("b1b2b3b4-0f4b-4c64-9a52-0a8f0c1f7d22");
    private readonly SimulatedStorage _storage = new(new SimulatedDisk(new Prng(1)));

    [Fact]
    public async Task What_was_written_down_is_known_to_the_next_agent()
    {
        await new MapBasis(_storage).MoveAsync(Replica, Stream, 4711, DateTimeOffset.UnixEpoch, Ct);

        var next = new MapBasis(_storage);
        Assert.True(await next.FitsAsync(At(4711), Ct));
        Assert.False(await next.FitsAsync(At(4710), Ct));
        Assert.Equal(DateTimeOffset.UnixEpoch, next.At);
    }

    [Fact]
    public async Task A_flipped_bit_anywhere_is_found_and_nothing_is_trusted()
    {
        await new MapBasis(_storage).MoveAsync(Replica, Stream, 4711, null, Ct);
        await using var file = await _storage.OpenAsync(Name, create: false, Ct);
        var bytes = new byte[await file.LengthAsync(Ct)];
        await file.ReadAsync(0, bytes, Ct);
        for (var bit = 0; bit < 8 * bytes.Length; bit++)
        {
            var flipped = bytes.ToArray();
            flipped[bit / 8] ^= (byte)(1 << bit % 8);
            await file.WriteAsync(0, flipped, Ct);
            var basis = new MapBasis(_storage);

            var failure = await Assert.ThrowsAsync<StorageException>(() => basis.FitsAsync(At(long.MaxValue), Ct));
            Assert.Equal(StorageFault.Unreadable, failure.Fault);
            Assert.Contains(Name, failure.Message, StringComparison.Ordinal);
            Assert.False(await basis.FitsAsync(At(long.MaxValue), Ct));
        }
        await file.WriteAsync(0, bytes, Ct);
        Assert.True(await new MapBasis(_storage).FitsAsync(At(4711), Ct));
    }

    [Fact]
    public async Task A_file_of_the_first_version_has_no_checksum_and_is_read_but_no_other()
    {
        await PutAsync(1);
        Assert.True(await new MapBasis(_storage).FitsAsync(At(4711), Ct));
        await PutAsync(2);
        await Assert.ThrowsAsync<StorageException>(() => new MapBasis(_storage).FitsAsync(At(4711), Ct));
    }

    private async Task PutAsync(int version)
    {
        await _storage.DeleteAsync(Name, Ct);
        await using var file = await _storage.OpenAsync(Name, create: true, Ct);
        await file.WriteAsync(0, Encoding.UTF8.GetBytes(
            $$"""
            {"version":{{version}},"replica":"{{Replica}}","positions":[{"stream":"{{Stream}}","from":4711}]}
            """), Ct);
    }

    private static HelloReply At(long durable) => new(new Epoch(3), Replica, Stream, durable, 0, Seeded: false);
}
