// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Sealing;
using Lifeboat.Journaling.Storage;
using Lifeboat.Testing;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Tests.Journaling.Sealing;

public sealed class SealedStorageConformance : StorageConformance
{
    private static readonly CancellationToken Ct = CancellationToken.None;
    private readonly SimulatedDisk _disk = new(new Prng(3));
    private readonly Prng _salts = new(4);
    private readonly List<(string File, long At)> _mended = [];
    private readonly StoreKey _key = new(new Guid("11111111-2222-3333-4444-555555555555"), new Prng(5).Bytes(32));

    protected override IStorage Open() => Open(_key);

    [Fact]
    public async Task It_is_any_other_file_whatever_is_done_to_it()
    {
        for (ulong seed = 0; seed < 200; seed++)
        {
            var prng = new Prng(seed);
            var model = new byte[16000];
            var length = 0;
            var file = await Open().OpenAsync($"f{seed}", create: true, Ct);
            for (var step = 0; step < 40; step++)
            {
                var at = Math.Min(8000, prng.Next(prng.Chance(0.5) ? length + 1 : 4000));
                var count = prng.Next(1, prng.Chance(0.5) ? 40 : 3000);
                if (prng.Chance(0.2)) (at, count) = (at / 512 * 512, count / 512 * 512 + 512);
                switch (prng.Next(6))
                {
                    case 0:
                        await file.SetLengthAsync(at, Ct);
                        model.AsSpan(at).Clear();
                        length = at;
                        break;
                    case 1:
                        await file.ZeroAsync(at, count, Ct);
                        model.AsSpan(at, count).Clear();
                        length = Math.Max(length, at + count);
                        break;
                    case 2:
                        file = await Open().OpenAsync($"f{seed}", create: false, Ct);
                        break;
                    default:
                        var bytes = prng.Bytes(count);
                        await file.WriteAsync(at, bytes, Ct);
                        bytes.CopyTo(model, at);
                        length = Math.Max(length, at + count);
                        break;
                }
                Assert.Equal(length, await file.LengthAsync(Ct));
                var from = prng.Next(length + 1);
                var read = new byte[prng.Next(1, 4000)];
                var got = await file.ReadAsync(from, read, Ct);
                Assert.Equal(Math.Min(read.Length, length - from), got);
                if (!model.AsSpan(from, got).SequenceEqual(read.AsSpan(0, got)))
                    Assert.Fail($"seed {seed}, step {step}: differs in {from}+{got}");
            }
        }
    }

    [Fact]
    public async Task Nothing_of_it_is_on_the_medium_and_equal_files_are_not_alike()
    {
        var bytes = new Prng(8).Bytes(4096);
        foreach (var name in new[] { "a", "b" })
        {
            await using var file = await Open().OpenAsync(name, create: true, Ct);
            await file.WriteAsync(0, bytes, Ct);
        }
        var (a, b) = (await RawAsync("a"), await RawAsync("b"));
        for (var at = 0; at < bytes.Length; at += 16)
        {
            Assert.True(a.AsSpan().IndexOf(bytes.AsSpan(at, 16)) < 0, $"plain bytes at {at}");
            Assert.True(b.AsSpan(8192).IndexOf(a.AsSpan(8192 + at, 16)) < 0, $"equal bytes at {at}");
        }
    }

    [Theory]
    [InlineData(9)]
    [InlineData(4096 + 40)]
    public async Task A_head_with_a_flipped_bit_is_made_again_and_told(long at)
    {
        await using (var file = await Open().OpenAsync("a", create: true, Ct))
        {
            await file.WriteAsync(0, new byte[] { 1, 2, 3 }, Ct);
            await file.FlushAsync(Ct);
        }
        Assert.True(_disk.Flip("sealed", "a", at, 4));
        for (var i = 0; i < 2; i++)
        {
            await using var file = await Open().OpenAsync("a", create: false, Ct);
            var read = new byte[8];
            Assert.Equal(3, await file.ReadAsync(0, read, Ct));
            Assert.Equal([1, 2, 3], read[..3]);
        }
        Assert.Equal(("a", at / 4096 * 4096), Assert.Single(_mended));
    }

    [Fact]
    public async Task Another_key_is_refused_by_name()
    {
        await (await Open().OpenAsync("a", create: true, Ct)).DisposeAsync();
        var other = new StoreKey(Guid.NewGuid(), new byte[32]);
        var refused = await Assert.ThrowsAsync<StorageException>(
            async () => await Open(other).OpenAsync("a", create: false, Ct));
        Assert.Contains($"{_key.Id}", refused.Message, StringComparison.Ordinal);
    }

    private SealedStorage Open(StoreKey key) => new(new SimulatedStorage(_disk, "sealed"), key,
        () => _salts.Bytes(32), (file, at) => _mended.Add((file, at)));

    private async Task<byte[]> RawAsync(string name)
    {
        await using var file = await new SimulatedStorage(_disk, "sealed").OpenAsync(name, create: false, Ct);
        var bytes = new byte[await file.LengthAsync(Ct)];
        await file.ReadAsync(0, bytes, Ct);
        return bytes;
    }
}
