// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing.Replicas;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Testing.Simulation;

/// <summary>One disk after one crash: the replica opens, and has everything that anybody was told it has.</summary>
internal sealed class CrashState(SimulatedWorld world, SimulatedDisk disk, WantedReplica wanted,
    ReplicaPromises promises, Prng prng)
{
    private string _where = "";

    public async Task RunAsync(CrashStyle style, bool crashAgain)
    {
        _where = $"crash state ({style}{(crashAgain ? ", again while recovering" : "")})";
        try
        {
            disk.Crash(style);
            if (crashAgain) await BreakRecoveryAsync();
            var survivor = await Survivor.FindAsync(disk, SimulatedAgent.FolderOf(wanted));
            long durable, appended;
            await using (var replica = await OpenAsync())
            {
                await CheckAsync(replica);
                durable = await LiveOnAsync(replica, survivor);
                appended = replica.AppendedSequence;
            }
            disk.Crash(prng.Pick(Enum.GetValues<CrashStyle>()));
            await using var later = await OpenAsync();
            if (later.DurableSequence < durable)
                Violate("I10", $"after the recovery {durable} was durable, after one more crash "
                    + $"{later.DurableSequence} is");
            if (later.DurableSequence > appended)
                Violate("I10", $"{appended} was appended last, after one more crash {later.DurableSequence} is there");
            await CheckAsync(later);
        }
        catch (Exception e)
        {
            // Whatever it is, the replica could not be had back: this is the top of one exploration.
            Violate("I10", e.ToString());
        }
    }

    // Power goes again at some change that the recovery makes.
    private async Task BreakRecoveryAsync()
    {
        disk.CrashAfter(prng.Next(12));
        try
        {
            await using var replica = await OpenAsync();
        }
        catch (StorageException)
        {
            // The crash that was asked for.
        }
        disk.Crash();
    }

    private Task<Replica> OpenAsync()
    {
        var storage = new SimulatedStorage(disk, SimulatedAgent.FolderOf(wanted));
        return Replica.OpenAsync(SimulatedAgent.Definition(wanted), SimulatedAgent.OptionsOf(prng, new WarmBudget(0)),
            storage, new SimulatedReplicaStore(disk), new StandingClock(world), default);
    }

    private async Task CheckAsync(Replica replica)
    {
        if (replica.DurableSequence < wanted.Durable)
            Violate("I10", $"{wanted.Durable} was acknowledged as durable, {replica.DurableSequence} is there");
        if (wanted.Durable > 0 && promises.ReplicaId is { } id && replica.ReplicaId != id)
            Violate("I10", "it is another replica now");
        if (world.Oracle.FenceOf(wanted) is { } fence && replica.Epoch < fence)
            Violate("I2", $"epoch {fence} was raised, {replica.Epoch} is there");
        CheckCatalogue(replica.Points);
        if (replica.Points.Count == 0) return;
        await CheckPointAsync(replica, replica.Points[^1]);
        if (replica.Points.Count > 1 && prng.Chance(0.3)) await CheckPointAsync(replica, prng.Pick(replica.Points));
        foreach (var view in promises.Views)
            if (!replica.Views.Contains(view)) Violate("I10", $"view {view} was open and is forgotten");
    }

    // I12: nothing but the journal and the manifest was there to list the points from.
    private void CheckCatalogue(IReadOnlyList<RecoveryPoint> points)
    {
        if (wanted.Newest is { } newest && points.All(p => p.Id != newest.Id)
            && (points.Count == 0 || points[^1].Sequence <= newest.Sequence))
            Violate("I10", $"the point at {newest.Sequence} was listed as sealed and is lost");
        if (points.Count == 0) return;
        foreach (var listed in promises.Points)
            if (listed.Sequence >= points[0].Sequence && points.All(p => p.Id != listed.Id))
                Violate("I12", $"the point at {listed.Sequence} was listed and the journal does not tell of it");
        foreach (var point in points) world.Oracle.SameAsSealed(point, _where);
    }

    private async Task CheckPointAsync(Replica replica, RecoveryPoint point)
    {
        var view = await replica.OpenViewAsync("crash-state", point.Sequence, writable: false, default);
        world.Oracle.Check(point, await SimulatedAgent.ReadAsync(replica, view), _where);
        await replica.CloseViewAsync("crash-state", default);
    }

    /// <summary>
    /// A new stream goes on where the recovery ended: what survived behind the end must never continue it.
    /// </summary>
    private async Task<long> LiveOnAsync(Replica replica, Survivor? survivor)
    {
        if (survivor is not null && await FillGapAsync(replica, survivor)) return replica.DurableSequence;
        var stream = prng.NextGuid();
        var volume = replica.Definition.Volumes[0].Index;
        var blocks = 1 + prng.Next(4);
        for (var i = 0; i < blocks; i++)
        {
            var first = replica.AppendedSequence + 1;
            var records = i == 0
                ? Mark(RecordKind.BatchBegin, first, replica.Epoch, stream, volume)
                : Write(first, replica.Epoch, volume, 512 * (1 + prng.Next(8)));
            var outcome = await replica.AppendAsync(replica.Epoch, stream, first, records, default);
            if (outcome != ReplicaAppendOutcome.Appended) Violate("I10", $"a new stream is not taken: {outcome}");
            if (i == 0 || prng.Chance(0.5)) await replica.FlushAsync(default);
        }
        return replica.DurableSequence;
    }

    // What comes next is as long as what was lost, and has as many records.
    private async Task<bool> FillGapAsync(Replica replica, Survivor survivor)
    {
        var (stream, volume) = (prng.NextGuid(), replica.Definition.Volumes[0].Index);
        var (first, epoch) = (replica.AppendedSequence + 1, replica.Epoch);
        var records = new List<byte[]> { Mark(RecordKind.BatchBegin, first, epoch, stream, volume) };
        var left = survivor.GapBytes - BlockCodec.HeaderLength - records[0].Length;
        for (var more = survivor.GapRecords - 1; more > 0; more--)
        {
            var data = (more > 1 ? 512 : left - RecordCodec.HeaderLength);
            if (data is < 512 or > 64 << 10) return false;
            records.Add(Write(first + records.Count, epoch, volume, data));
            left -= records[^1].Length;
        }
        if (left != 0) return false;
        world.Count("gaps filled before a surviving block");
        var outcome = await replica.AppendAsync(epoch, stream, first, records.SelectMany(r => r).ToArray(), default);
        if (outcome != ReplicaAppendOutcome.Appended) Violate("I10", $"a new stream is not taken: {outcome}");
        if (prng.Chance(0.7)) await replica.FlushAsync(default);
        return true;
    }

    private static byte[] Mark(RecordKind kind, long sequence, Epoch epoch, Guid stream, ushort volume)
    {
        var payload = BatchPayload.Encode(stream, [volume]);
        var record = new byte[RecordCodec.SizeOf(payload.Length)];
        RecordCodec.Write(record, RecordHeader.Mark(kind, sequence, epoch.Value, payload.Length, 0), payload);
        return record;
    }

    private byte[] Write(long sequence, Epoch epoch, ushort volume, int length)
    {
        var data = prng.Bytes(length);
        var record = new byte[RecordCodec.SizeOf(data.Length)];
        RecordCodec.Write(record, RecordHeader.Write(volume, sequence, epoch.Value, 0, data.Length, 0), data);
        return record;
    }

    private void Violate(string checker, string what) => world.Violate(checker, $"{_where}: {what}");

    private sealed class StandingClock(SimulatedWorld world) : TimeProvider
    {
        private readonly DateTimeOffset _now = SimulatedClock.Epoch.AddTicks(world.Scheduler.Now);

        public override DateTimeOffset GetUtcNow() => _now;
        public override long GetTimestamp() => 0;
    }
}

/// <summary>What a replica says of itself at the moment of a crash.</summary>
/// <param name="ReplicaId">Null: it is not open now.</param>
/// <param name="Points">Listed as sealed.</param>
/// <param name="Views">Opened, and not being closed.</param>
internal sealed record ReplicaPromises(Guid? ReplicaId, IReadOnlyList<RecoveryPoint> Points,
    IReadOnlyList<string> Views);
