// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;
using Lifeboat.Replication.Shipping;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Tests.Replication;

/// <summary>
/// What a flipped bit takes from a replica its source brings back, over the link, while the guest writes.
/// </summary>
public sealed class ReplicaRepairTests
{
    private readonly SourceWorld _world = new(5);
    private readonly RecoveryHost _host;
    private readonly List<byte[]> _initial;

    public ReplicaRepairTests()
    {
        _host = new RecoveryHost(_world);
        _host.Start();
        _initial = [.. _world.Taps[1].Disk.Chunk(4096)];
        _world.Start();
        _world.UntilStreaming();
    }

    [Fact]
    public void A_damaged_base_block_is_sent_again_and_nothing_else()
    {
        FillAndFold();
        var block = Array.FindIndex(_world.Taps[1].Disk.Chunk(4096).ToArray(), IsInBaseAlone);
        Flip("images", "db-db.1.raw", at => at == block * 4096 + 1);
        Scrub();
        var damage = Assert.Single(_host.Replica.Damages);
        Assert.Equal((DamagePlace.Base, (ushort)1, block * 4096L, 4096L),
            (damage.Place, damage.Volume, damage.Offset, damage.Length));
        Assert.All(_host.Replica.Points, p => Assert.Equal(PointState.Damaged, p.State));

        _world.Write(5);
        UntilMended();
        Assert.Equal(SyncKind.ChangeMap, _world.Status.LastSync);
        Assert.InRange(_world.Status.SyncMovedBytes, 4096, 64 << 10);
        Assert.Equal(2, _world.Taps[1].Attaches);
        Assert.Equal(1, _world.Taps[0].Attaches);
        CheckNewest();
    }

    [Fact]
    public void A_damaged_record_is_sent_again_and_points_after_it_are_not_offered_until_then()
    {
        _world.Write(40);
        UntilNewPoint();
        var before = _host.Replica.Points.Count;
        var mark = _host.Replica.DurableSequence;
        _world.Write(10, volume: 0);
        UntilNewPoint();
        FlipRecordAfter(mark);
        Scrub();
        Assert.Equal(DamagePlace.Record, Assert.Single(_host.Replica.Damages).Place);
        Assert.All(_host.Replica.Points.Take(before), p => Assert.NotEqual(PointState.Damaged, p.State));
        Assert.Contains(_host.Replica.Points, p => p.State == PointState.Damaged);

        UntilMended();
        Assert.Contains(_host.Replica.Points, p => p.State == PointState.Damaged);
        CheckNewest();
    }

    [Fact]
    public void Records_lost_with_their_index_are_noticed_and_everything_is_compared_also_by_a_restarted_source()
    {
        FillAndFold();
        var mark = _host.Replica.DurableSequence;
        var id = _host.Replica.ReplicaId;
        _world.Write(30);
        UntilNewPoint();
        _world.Network.Partition();
        FlipRecordAfter(mark);
        _host.Process.Kill();
        _host.Disk.KillProcesses();
        _host.Start();
        _world.RestartAgent();
        _world.Network.Heal();
        var lost = Assert.Single(_host.Replica.Damages);
        Assert.True(lost.IsStretch && lost.Sequence > mark, lost.ToString());
        Assert.Contains(_host.Replica.Points, p => p.State != PointState.Damaged && p.Sequence <= mark);
        Assert.NotEqual(id, _host.Replica.ReplicaId);

        _world.UntilStreaming();
        Assert.Equal(SyncKind.HashCompare, _world.Status.LastSync);
        Assert.InRange(_world.Status.SyncMovedBytes, 1, SourceWorld.DiskBytes / 10);
        UntilNewPoint();
        CheckNewest();
        Assert.NotNull(Assert.Single(_host.Replica.Damages).MendedAt);
    }

    [Fact]
    public void What_reads_well_the_next_time_is_not_asked_for()
    {
        FillAndFold();
        Flip("images", "db-db.0.raw", at => at == 4096);
        Scrub();
        Flip("images", "db-db.0.raw", at => at == 4096);
        _world.Until(() => _host.Replica.Damages.Count == 0, "it is forgotten");
        Assert.Equal(1, _world.Taps[0].Attaches);
        Assert.All(_host.Replica.Points, p => Assert.NotEqual(PointState.Damaged, p.State));
    }

    // What the guest has not written since is in no record of the journal.
    private bool IsInBaseAlone(byte[] block) => block[0] != 0 && _initial.Any(b => b.AsSpan().SequenceEqual(block));

    private void FillAndFold()
    {
        for (var i = 0; i < 5; i++)
        {
            _world.Write(60);
            UntilNewPoint();
        }
        _world.Ask(_host.Process, async () =>
        {
            await _host.Replica.FoldAsync(_host.Process.Clock.GetUtcNow().AddDays(1), long.MaxValue, default);
            return 0;
        });
        Assert.True(_host.Replica.FoldedSequence > 0);
    }

    private void Scrub() => _world.Ask(_host.Process, async () =>
    {
        while (await _host.Replica.ScrubAsync(1 << 20, default) != ScrubOutcome.PassDone) { }
        return 0;
    });

    private void UntilNewPoint()
    {
        var newest = _host.Replica.Points is [.., var last] ? last.Sequence : 0;
        _world.Until(() => _host.Replica.Points is [.., var now] && now.Sequence > newest, "a point is sealed");
    }

    private void UntilMended()
    {
        _world.Until(() => _host.Replica.Lost.Count == 0, "the source sends what is lost");
        _world.UntilStreaming();
        _world.Until(() => _host.Replica.Points[^1] is { State: not PointState.Damaged }, "a sound point is sealed");
    }

    private void CheckNewest()
    {
        UntilNewPoint();
        UntilNewPoint();
        var sequence = _host.Replica.NewestSound!.Sequence;
        Assert.Equal(_host.Replica.Points[^1].Sequence, sequence);
        for (ushort v = 0; v < 2; v++)
            Assert.True(_host.Image(v, sequence).AsSpan().SequenceEqual(_world.Taps[v].Disk), $"volume {v}");
    }

    // The first data byte of the first record behind a sequence, found by what it says of itself.
    private void FlipRecordAfter(long sequence) => Flip("db", null, null, sequence + 2);

    private void Flip(string folder, string? file, Func<long, bool>? where, long sequence = 0) =>
        _world.Ask(_host.Process, async () =>
        {
            var storage = new SimulatedStorage(_host.Disk, folder);
            var names = file is null ? await storage.ListAsync(default) : [file];
            foreach (var name in names.Where(n => file is not null || n.EndsWith(".lbj", StringComparison.Ordinal)))
            {
                await using var open = await storage.OpenAsync(name, create: false, default);
                var bytes = new byte[await open.LengthAsync(default)];
                await open.ReadAsync(0, bytes, default);
                var at = where is not null ? Enumerable.Range(0, bytes.Length).First(i => where(i))
                    : Enumerable.Range(0, bytes.Length - 64).FirstOrDefault(i =>
                        bytes.AsSpan(i, 4).SequenceEqual("LBRC"u8) && bytes[i + 5] == 1
                        && BitConverter.ToInt64(bytes, i + 16) >= sequence) is > 0 and var found
                        ? found + 100 : -1;
                if (at < 0) continue;
                await open.WriteAsync(at, new[] { (byte)(bytes[at] ^ 0x10) }, default);
                await open.FlushAsync(default);
                return 0;
            }
            throw new InvalidOperationException("there is nothing to flip");
        });
}
