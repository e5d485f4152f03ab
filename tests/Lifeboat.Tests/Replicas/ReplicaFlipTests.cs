// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Tests.Replicas;

/// <summary>
/// One bit of one file of a replica turns over, or a sector of it cannot be read any more. Whatever is read
/// afterwards is right or refused; a scrub names the damage; once the source has sent what was lost, everything is
/// right again.
/// </summary>
public sealed class ReplicaFlipTests
{
    private const int Block = 4096;
    private static readonly CancellationToken Ct = CancellationToken.None;

    [Fact]
    public Task A_flipped_bit_is_never_read_is_named_and_is_mended() => AllAreMendedAsync(150, spoil: false);

    [Fact]
    public Task A_sector_that_cannot_be_read_is_damage_like_a_flipped_bit() => AllAreMendedAsync(150, spoil: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task What_is_encrypted_is_mended_as_well(bool spoil) => AllAreMendedAsync(60, spoil, encrypted: true);

    /// <summary>Nothing is left then that says what the record was; it may have been anything.</summary>
    [Fact]
    public async Task A_segment_that_lost_bytes_and_its_index_is_opened_without_them_and_mended()
    {
        var seen = await RunAsync(150, spoil: false, encrypted: false, withIndex: true);
        Assert.True(seen.GetValueOrDefault("segment and index, a stretch refused") > 20, string.Join(", ", seen));
    }

    private static async Task<Dictionary<string, int>> RunAsync(
        ulong seeds, bool spoil, bool encrypted, bool withIndex = false)
    {
        var seen = new Dictionary<string, int>();
        for (ulong seed = 0; seed < seeds; seed++)
        {
            var flip = await new Story(seed, spoil, encrypted, withIndex).RunAsync();
            seen[flip] = seen.GetValueOrDefault(flip) + 1;
        }
        return seen;
    }

    private static async Task AllAreMendedAsync(ulong seeds, bool spoil, bool encrypted = false)
    {
        var seen = await RunAsync(seeds, spoil, encrypted);
        foreach (var place in new[] { "base", "sums", "segment", "index" })
            Assert.True(seen.Any(s => s.Key.StartsWith(place, StringComparison.Ordinal) && s.Value > 0), place);
        Assert.True(seen.Count(s => s.Key.EndsWith("refused", StringComparison.Ordinal)) > 0);
    }

    internal sealed class Story(ulong seed, bool spoil, bool encrypted, bool withIndex)
    {
        private readonly ReplicaBench _bench = new(seed, encrypted: encrypted);
        private readonly Prng _prng = new(seed + 991);
        private Dictionary<ushort, byte[]> _disks = [];
        private bool _refused, _cutOff;

        public async Task<string> RunAsync()
        {
            var reopen = _prng.Chance(0.7);
            var replica = await FillAsync();
            _disks = _bench.Source.ImageAt(_bench.Source.Last);
            if (reopen) replica = await EndAsync(replica);
            var (file, flipped) = await FlipAsync();
            if (reopen) replica = await _bench.OpenAsync();
            await using (replica)
            {
                await CheckAllAsync(replica);
                await ScrubAsync(replica);
                await CheckAllAsync(replica);
                if (replica.Damages.Any(d => d.IsStretch)) file += ", a stretch";
                if (_refused || replica.DurableSequence < _bench.Source.Last)
                    Assert.True(replica.Damages.Count > 0, $"seed {seed}: {flipped} was not named");
                await MendAsync(replica);
            }
            return _refused ? file + " refused" : file;
        }

        private async Task<Replica> FillAsync()
        {
            var replica = await _bench.StartedAsync(writes: 40);
            var rounds = _prng.Next(4, 30);
            for (var i = 0; i < rounds; i++)
            {
                for (var n = _prng.Next(8); n > 0; n--)
                    await _bench.TakeAsync(replica, _prng.Chance(0.2) ? _bench.Source.Zero() : _bench.Source.Write());
                await _bench.CutAsync(replica);
                if (_prng.Chance(0.4)) await _bench.FoldAsync(replica, _prng.Next(1, 400_000));
            }
            return replica;
        }

        private async Task<Replica> EndAsync(Replica replica)
        {
            if (_prng.Chance(0.4)) await CutFoldOffAsync(replica);
            else if (_prng.Chance(0.5)) await replica.DisposeAsync();
            _bench.Disk.KillProcesses();
            return replica;
        }

        // So that a redo is there that counts, over a base that is between two states.
        private async Task CutFoldOffAsync(Replica replica)
        {
            for (var i = 0; i < 22; i++) await _bench.CutAsync(replica);
            _bench.Disk.CrashAfter(_prng.Next(1, 25));
            try
            {
                await _bench.FoldAsync(replica);
            }
            catch (StorageException)
            {
                _cutOff = true;
            }
        }

        private async Task<(string Kind, string What)> FlipAsync()
        {
            var all = new List<(string Folder, string Name, long Length)>();
            foreach (var folder in new[] { "images", "shop" })
                foreach (var (name, bytes) in _bench.Disk.Files(folder))
                    if (!name.StartsWith("spare", StringComparison.Ordinal)
                        && !name.StartsWith("free", StringComparison.Ordinal)) all.Add((folder, name, bytes));
            if (withIndex) return await FlipBothAsync([.. all.Select(f => (f.Name, f.Length))]);
            var (place, file, length) = _prng.Pick(all);
            if (_cutOff && _prng.Chance(0.3)) (place, file, length) = all.Find(f => f.Name == "fold.redo");
            if (length == 0) return ("nothing", file);
            await FlushAsync(place, file);
            var at = _prng.Next(length);
            var mask = (byte)(1 << _prng.Next(8));
            Assert.True(spoil ? _bench.Disk.Spoil(place, file, at) : _bench.Disk.Flip(place, file, at, mask));
            var kind = place == "images" ? "base" : file.EndsWith(".sums", StringComparison.Ordinal) ? "sums"
                : file.EndsWith(".lbj", StringComparison.Ordinal) ? "segment"
                : file.EndsWith(".idx", StringComparison.Ordinal) ? "index" : file;
            return (kind, $"{file} at {at}");
        }

        private async Task<(string Kind, string What)> FlipBothAsync(List<(string Name, long Length)> all)
        {
            var (segment, length) = _prng.Pick(all.FindAll(f => f.Name.EndsWith(".lbj", StringComparison.Ordinal)));
            var at = _prng.Next(length);
            foreach (var (file, bytes) in all.FindAll(
                f => Path.ChangeExtension(f.Name, "lbj") == segment && f.Length > 0))
            {
                await FlushAsync("shop", file);
                Assert.True(_bench.Disk.Flip(
                    "shop", file, file == segment ? at : _prng.Next(bytes), (byte)(1 << _prng.Next(8))));
            }
            return ("segment and index", $"{segment} at {at} and its index");
        }

        // Decay is of what the medium has.
        private async Task FlushAsync(string folder, string file)
        {
            await using var open = await new SimulatedStorage(_bench.Disk, folder).OpenAsync(file, create: false, Ct);
            await open.FlushAsync(Ct);
        }

        private async Task CheckAllAsync(Replica replica)
        {
            foreach (var point in replica.Points)
            {
                if (point.State == PointState.Damaged)
                {
                    var failure = await Assert.ThrowsAsync<ReplicaException>(
                        () => replica.OpenViewAsync("check", point.Sequence, writable: false, Ct));
                    Assert.Equal(ReplicaFault.Damaged, failure.Fault);
                    _refused = true;
                }
                if (await OpenAsync(replica, point.Sequence) is not { } view) continue;
                await CheckAsync(view);
                await replica.CloseViewAsync("check", Ct);
            }
        }

        // Where nobody knows what is lost no byte is given, and the view may be what finds it out.
        private async Task<PointInTimeView?> OpenAsync(Replica replica, long sequence)
        {
            try
            {
                return await replica.OpenViewAsync("check", sequence, false, acceptDamage: true, Ct);
            }
            catch (ReplicaException e) when (e.Fault == ReplicaFault.Damaged
                && replica.Damages.Any(d => d.IsStretch && d.Touches(sequence)))
            {
                _refused = true;
                return null;
            }
        }

        private async Task CheckAsync(PointInTimeView view)
        {
            foreach (var (volume, expected) in _bench.Source.ImageAt(view.Sequence))
            {
                for (var at = 0; at < expected.Length; at += Block)
                {
                    var bytes = new byte[Math.Min(Block, expected.Length - at)];
                    try
                    {
                        await view.ReadAsync(volume, at, bytes, Ct);
                    }
                    catch (ReplicaException e) when (e.Fault == ReplicaFault.Damaged)
                    {
                        _refused = true;
                        continue;
                    }
                    if (!expected.AsSpan(at, bytes.Length).SequenceEqual(bytes))
                        Assert.Fail($"seed {seed}: volume {volume} at {view.Sequence} is wrong from byte {at}");
                }
            }
        }

        private static async Task ScrubAsync(Replica replica)
        {
            while (await replica.ScrubAsync(100_000, Ct) != ScrubOutcome.PassDone) { }
        }

        // As the source would: what it is asked for, or everything when records it knew to be durable are gone.
        private async Task MendAsync(Replica replica)
        {
            var source = _bench.Source;
            // As the next session of the source does.
            Assert.True(await replica.TryClaimAsync(source.Epoch, 0, Ct));
            var lost = replica.DurableSequence < source.Last || replica.StreamId != source.StreamId;
            source.ForgetAfter(replica.DurableSequence);
            await SendLostAsync(replica, source.BeginBatch(newStream: lost), all: lost);
            Assert.Empty(replica.Lost);
            Assert.Equal(source.Last, replica.NewestSound?.Sequence);
            await _bench.CheckAsync(await replica.OpenViewAsync("mended", null, writable: false, Ct));
            await replica.CloseViewAsync("mended", Ct);
            await FoldAllAsync(replica);
            // A block that one fold after the other brought piece by piece is asked for once more.
            if (replica.Lost.Count > 0) await SendLostAsync(replica, source.BeginBatch(newStream: false), all: false);
            await FoldAllAsync(replica);
            Assert.True(replica.Damages.Count == 0, $"seed {seed}: {string.Join("; ", replica.Damages)}");
            Assert.DoesNotContain(replica.Points, p => p.State == PointState.Damaged);
            await _bench.CheckPointsAsync(replica);
        }

        private async Task SendLostAsync(Replica replica, byte[] begin, bool all)
        {
            var source = _bench.Source;
            await _bench.TakeAsync(replica, begin);
            if (all)
                foreach (var (volume, disk) in _disks)
                    for (var at = 0; at < disk.Length; at += 32 << 10)
                        await _bench.TakeAsync(replica, source.Write(volume, at, disk.AsSpan(at, 32 << 10)));
            foreach (var (volume, offset, length) in replica.Lost)
                await _bench.TakeAsync(replica,
                    source.Write(volume, offset, _disks[volume].AsSpan((int)offset, (int)length)));
            await _bench.TakeAsync(replica, source.EndBatch());
            await _bench.CutAsync(replica);
        }

        private async Task FoldAllAsync(Replica replica)
        {
            for (var i = 0; i < 30; i++) await _bench.CutAsync(replica);
            await _bench.FoldAsync(replica);
            await ScrubAsync(replica);
        }
    }
}
