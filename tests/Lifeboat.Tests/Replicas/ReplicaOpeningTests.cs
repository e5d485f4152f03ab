// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing;
using Lifeboat.Testing.Replicas;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Tests.Replicas;

public sealed class ReplicaOpeningTests
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    private readonly ReplicaBench _bench = new(1);

    [Fact]
    public async Task Its_id_stays_and_a_higher_epoch_is_taken_over_but_a_lower_one_is_not()
    {
        Guid id;
        await using (var replica = await _bench.StartedAsync()) id = replica.ReplicaId;
        _bench.Definition = _bench.Definition with { Epoch = new Epoch(4) };
        await using (var replica = await _bench.OpenAsync()) Assert.Equal(new Epoch(4), replica.Epoch);
        _bench.Definition = _bench.Definition with { Epoch = new Epoch(2) };
        await using var again = await _bench.OpenAsync();
        Assert.Equal(new Epoch(4), again.Epoch);
        Assert.Equal(id, again.ReplicaId);
    }

    [Fact]
    public async Task Other_volumes_are_refused()
    {
        await using (await _bench.StartedAsync()) { }
        _bench.Definition = _bench.Definition with { Volumes = [_bench.Definition.Volumes[0]] };
        var failure = await Assert.ThrowsAsync<ReplicaException>(_bench.OpenAsync);
        Assert.Equal(ReplicaFault.DefinitionChanged, failure.Fault);
        Assert.Contains("db1.data0", failure.Message);
    }

    [Theory]
    [InlineData("manifest.json")]
    [InlineData("seg-0000000000000001.lbj")]
    public async Task A_replica_that_lost_a_part_is_corrupt_and_not_new(string lost)
    {
        await using (var replica = await _bench.StartedAsync()) await replica.FlushAsync(Ct);
        foreach (var name in await _bench.Storage.ListAsync(Ct))
            if (name == lost || (lost.StartsWith("seg", StringComparison.Ordinal) && name.StartsWith("seg")))
                await _bench.Storage.DeleteAsync(name, Ct);
        var failure = await Assert.ThrowsAsync<ReplicaException>(_bench.OpenAsync);
        Assert.Equal(ReplicaFault.Corrupt, failure.Fault);
    }

    [Fact]
    public async Task Damage_is_told_in_the_replicas_words()
    {
        await using (var replica = await _bench.StartedAsync())
        {
            for (var i = 0; i < 20; i++) await _bench.CutAsync(replica);
            await _bench.TakeAsync(replica, _bench.Source.Write());
            _bench.Disk.Faults = o => o.Verb == DiskVerb.Flush ? StorageFault.Io : null;
            await Assert.ThrowsAsync<StorageException>(async () => await replica.FlushAsync(Ct));
            await Assert.ThrowsAsync<StorageException>(async () => await replica.FlushAsync(Ct));
            await Assert.ThrowsAsync<StorageException>(
                async () => await _bench.AppendAsync(replica, _bench.Source.Write()));
            _bench.Disk.Faults = _ => null;
        }
        await using (var file = await _bench.Storage.OpenAsync("seg-0000000000000001.lbj", create: false, Ct))
            await file.WriteAsync(5000, new byte[] { 1, 2, 3 }, Ct);
        await _bench.Storage.DeleteAsync("seg-0000000000000001.idx", Ct);
        await using var again = await _bench.OpenAsync();
        var damage = Assert.Single(again.Damages);
        Assert.Equal((DamagePlace.Stretch, "seg-0000000000000001.lbj"), (damage.Place, damage.File));
        Assert.All(again.Points, p => Assert.Equal(PointState.Damaged, p.State));
    }

    [Fact]
    public async Task A_manifest_that_is_no_json_is_corrupt_when_its_copy_is_none_either()
    {
        await using (await _bench.StartedAsync()) { }
        foreach (var name in new[] { "manifest.json", "manifest.copy" })
            await using (var file = await _bench.Storage.OpenAsync(name, create: false, Ct))
                await file.WriteAsync(0, "xx"u8.ToArray(), Ct);
        var failure = await Assert.ThrowsAsync<ReplicaException>(_bench.OpenAsync);
        Assert.Equal(ReplicaFault.Corrupt, failure.Fault);
    }

    [Fact]
    public async Task A_deleted_replica_is_made_anew_under_another_id()
    {
        Guid id;
        await using (var replica = await _bench.StartedAsync())
        {
            id = replica.ReplicaId;
            await _bench.CutAsync(replica);
            await replica.OpenViewAsync("left", null, writable: true, Ct);
        }
        await Replica.DeleteAsync(_bench.Definition, _bench.Storage, _bench.Store, Ct);
        await Replica.DeleteAsync(_bench.Definition, _bench.Storage, _bench.Store, Ct);
        Assert.Empty(await _bench.Storage.ListAsync(Ct));
        await using var again = await _bench.OpenAsync();
        Assert.NotEqual(id, again.ReplicaId);
        Assert.Equal(0, again.DurableSequence);
        Assert.Empty(again.Points);
    }

    [Fact]
    public async Task A_seed_is_the_state_before_the_first_record()
    {
        var seed = new Prng(9).Bytes(64 << 10);
        new SimulatedReplicaStore(_bench.Disk).Put("old.raw", seed);
        _bench.Definition = _bench.Definition with
        {
            Volumes = [_bench.Definition.Volumes[0], _bench.Definition.Volumes[1] with { SeedFile = "old.raw" }],
        };
        await using var replica = await _bench.OpenAsync();
        Assert.True(replica.Seeded);
        var digest = new byte[16];
        var expected = new byte[16];
        await replica.DigestAsync(5, 4096, 4096, 4096, 0, digest, Ct);
        BlockDigest.Compute(seed.AsSpan(4096, 4096), expected);
        Assert.Equal(expected, digest);
    }

    [Fact]
    public async Task A_crash_while_it_is_made_leaves_nothing_in_the_way()
    {
        for (var at = 0; at < 40; at++)
        {
            var bench = new ReplicaBench((ulong)at);
            bench.Disk.CrashAfter(at);
            try
            {
                await using var replica = await bench.OpenAsync();
            }
            catch (StorageException)
            {
                // The crash that the test asked for.
            }
            bench.Disk.Crash();
            await using var again = await bench.OpenAsync();
            Assert.Equal(0, again.AppendedSequence);
        }
    }
}
