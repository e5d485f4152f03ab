// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Contracts.Sites;
using Lifeboat.Nbd;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack.Filling;
using Lifeboat.Sites.OpenStack.Standing;
using Lifeboat.Testing;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.Tests.Sites.OpenStack;

/// <summary>A volume is brought to point after point, cut short anywhere, and is then what the view is.</summary>
public sealed class PointWriterTests : IDisposable
{
    private const int Bytes = 6 << 20;
    private readonly string _folder = Directory.CreateTempSubdirectory("lb-points-").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Whatever_is_cut_short_and_wherever_it_goes_next_the_volume_is_the_point(int seed)
    {
        var prng = new Prng((ulong)seed);
        var disk = new DiskHistory(prng.NextGuid(), Bytes - 512, prng);
        disk.Write(20);
        var volume = new MemoryVolume(new byte[8 << 20]);
        Assert.InRange(await WithWriterAsync(disk, 1, w => w.FillAsync(volume, Ct)), 1, Bytes);
        Check(disk, 1, volume);
        var holds = new Holding(disk.Replica, 1, 1);
        for (var round = 0; round < 25; round++)
        {
            disk.Write(prng.Next(1, 12), longest: 60_000);
            // Newer than what it holds, older, or in between.
            var to = prng.Next(1, (int)disk.Newest + 1);
            var between = holds;
            holds = holds.Toward(to);
            volume.WritesLeft = prng.Chance(0.5) ? prng.Next(1, 12) : int.MaxValue;
            try
            {
                await WithWriterAsync(disk, to,
                    async w => (await w.WriteChangesAsync(between, Fresh(volume), Ct))!.Value);
            }
            catch (SiteException e) when (e.Fault is SiteFault.CloudUnavailable)
            {
                continue;
            }
            Check(disk, to, volume);
            holds = new Holding(disk.Replica, to, to);
        }
    }

    [Fact]
    public async Task Only_what_differs_is_written()
    {
        var disk = new DiskHistory(Guid.NewGuid(), Bytes, new Prng(9));
        disk.Write(200);
        var volume = new MemoryVolume(new byte[Bytes]);
        await WithWriterAsync(disk, 1, w => w.FillAsync(volume, Ct));
        var touched = disk.Write(3, longest: 40_000);
        var written = await WithWriterAsync(disk, 2, async w =>
            (await w.WriteChangesAsync(new Holding(disk.Replica, 1, 1), volume, Ct))!.Value);
        Check(disk, 2, volume);
        Assert.InRange(written, 1, touched + 3 * 8192);
        Assert.Equal(0, await WithWriterAsync(disk, 2, w => w.CompareAsync(volume, Ct)));
    }

    [Fact]
    public async Task What_is_not_known_is_said_before_anything_is_written_and_comparing_mends_it()
    {
        var disk = new DiskHistory(Guid.NewGuid(), Bytes, new Prng(10));
        for (var i = 0; i < 4; i++) disk.Write(20);
        var volume = new MemoryVolume(new byte[8 << 20]) { WritesLeft = 0 };
        disk.Folded = 3;
        foreach (var holds in new[] { new Holding(disk.Replica, 2, 2), new Holding(Guid.NewGuid(), 3, 3) })
            await WithWriterAsync(disk, 4, async w =>
            {
                Assert.Null(await w.WriteChangesAsync(holds, volume, Ct));
                return 0;
            });
        // Anything may be in it, also behind the end of the disk.
        new Prng(11).Bytes(volume.Content.Length).CopyTo(volume.Content, 0);
        volume.WritesLeft = int.MaxValue;
        await WithWriterAsync(disk, 4, w => w.CompareAsync(volume, Ct));
        Check(disk, 4, volume);
        // One that cannot be read is written all over.
        new Prng(12).Bytes(volume.Content.Length).CopyTo(volume.Content, 0);
        Assert.Equal(Bytes, await WithWriterAsync(disk, 4, w => w.CompareAsync(new BlindVolume(volume), Ct)));
        Check(disk, 4, volume);
    }

    [Fact]
    public async Task A_view_that_cannot_be_read_is_said()
    {
        var disk = new DiskHistory(Guid.NewGuid(), Bytes, new Prng(13));
        disk.Write(20);
        var refused = await Assert.ThrowsAsync<SiteException>(() => WithWriterAsync(disk, 1,
            w => w.FillAsync(new MemoryVolume(new byte[Bytes]), Ct), failsAfter: 3 << 20));
        Assert.Contains("disk 'vda': the view of its point cannot be read", refused.Message);
    }

    [Theory]
    [InlineData("00112233445566778899aabbccddeeff 5 7", true)]
    [InlineData("00112233445566778899aabbccddeeff 7 5", false)]
    [InlineData("00112233445566778899aabbccddeeff -1 5", false)]
    [InlineData("00112233445566778899aabbccddeeff 5", false)]
    [InlineData(Holding.Unknown, false)]
    [InlineData(Holding.Nothing, false)]
    [InlineData(null, false)]
    public void What_a_volume_holds_is_read_strictly(string? written, bool known)
    {
        var holds = Holding.Parse(written);
        Assert.Equal(known, holds is not null);
        if (known) Assert.Equal(written, holds!.ToString());
    }

    [Fact]
    public void A_volume_that_is_cut_short_may_be_as_at_any_sequence_that_it_went_through()
    {
        var holds = new Holding(Guid.NewGuid(), 10, 10).Toward(20).Toward(5);
        Assert.Equal((5, 20), (holds.Low, holds.High));
        Assert.Equal(holds, holds.Toward(12));
    }

    private static MemoryVolume Fresh(MemoryVolume volume) =>
        new(volume.Content) { WritesLeft = volume.WritesLeft };

    private async Task<long> WithWriterAsync(DiskHistory disk, long sequence, Func<PointWriter, Task<long>> act,
        long failsAfter = long.MaxValue)
    {
        var socket = Path.Combine(_folder, $"{Guid.NewGuid():n}"[..12]);
        var export = disk.Export(sequence, "vda");
        export.FailsAfter = failsAfter;
        await using var server = NbdServer.Listen(new UnixDomainSocketEndPoint(socket), new NbdExports(export),
            NbdServerOptions.Default);
        return await act(new PointWriter(new DiskSource("vda", null, socket, "vda", KeepWrites: true)
        {
            Point = new ViewPoint("shop", "db1.vda", disk.Replica, sequence),
        }, export.Info.Size, null, new Progress<StandingProgress>(), TimeProvider.System));
    }

    private static void Check(DiskHistory disk, long sequence, MemoryVolume volume)
    {
        var expected = new byte[volume.Content.Length];
        disk.At(sequence).CopyTo(expected, 0);
        var same = expected.AsSpan().CommonPrefixLength(volume.Content);
        if (same < expected.Length) Assert.Fail($"differs from sequence {sequence} at byte {same}");
    }
}
