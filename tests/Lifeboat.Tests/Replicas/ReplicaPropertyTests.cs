// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Replicas;

/// <summary>
/// Random writes, zeroes, batches, checkpoints, folds, pins, views and crashes beside a naive model: whatever point is
/// offered opens to exactly the model's bytes, and the newest sealed one is always offered.
/// </summary>
public sealed class ReplicaPropertyTests
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    [Fact]
    public async Task Every_point_offered_is_the_models_state_whatever_happens()
    {
        for (ulong seed = 0; seed < 40; seed++) await new Story(seed).RunAsync(lives: 5);
    }

    [Fact]
    public async Task A_crash_at_every_single_change_of_one_story_is_survived()
    {
        var changes = await new Story(3).LiveOnceAsync(long.MaxValue, steps: 120);
        Assert.True(changes > 150, $"{changes} changes");
        for (var at = 0L; at <= changes; at++) await new Story(3).LiveOnceAsync(at, steps: 120);
    }

    [Fact]
    public async Task Encryption_changes_nothing_of_it()
    {
        for (ulong seed = 100; seed < 110; seed++) await new Story(seed, encrypted: true).RunAsync(lives: 5);
        var changes = await new Story(3, encrypted: true).LiveOnceAsync(long.MaxValue, steps: 60);
        for (var at = 0L; at <= changes; at += 2) await new Story(3, encrypted: true).LiveOnceAsync(at, steps: 60);
    }

    private sealed class Story(ulong seed, bool encrypted = false)
    {
        private readonly ReplicaBench _bench = new(seed, encrypted: encrypted);
        private readonly Prng _prng = new(seed + 7777);
        private readonly Dictionary<string, Guid> _pins = [];
        private long _promised;
        private long _sealed;
        private long _folded;

        public async Task RunAsync(int lives)
        {
            for (var life = 0; life < lives; life++)
            {
                _bench.Disk.CrashAfter(_prng.Next(20, 600));
                await LiveAsync(steps: 300);
                if (_prng.Chance(0.3)) _bench.Disk.KillProcesses();
                else _bench.Disk.Crash();
                await RecoverAsync();
            }
        }

        public async Task<long> LiveOnceAsync(long crashAfter, int steps)
        {
            _bench.Disk.CrashAfter(crashAfter);
            await LiveAsync(steps);
            var changes = _bench.Disk.Changes;
            _bench.Disk.Crash();
            await RecoverAsync();
            return changes;
        }

        private async Task LiveAsync(int steps)
        {
            try
            {
                await using var replica = await _bench.OpenAsync();
                await ReconcileAsync(replica);
                for (var i = 0; i < steps; i++) await StepAsync(replica);
            }
            catch (StorageException e) when (e.Message.Contains("is down", StringComparison.Ordinal))
            {
                // The crash that the test asked for.
            }
        }

        private async Task RecoverAsync()
        {
            await using var replica = await _bench.OpenAsync();
            await ReconcileAsync(replica);
            await _bench.CheckPointsAsync(replica);
        }

        // What the recovery site must still have, and what the source does about the rest.
        private async Task ReconcileAsync(Replica replica)
        {
            Assert.InRange(replica.DurableSequence, _promised, Math.Max(_promised, _bench.Source.Last));
            Assert.True(replica.FoldedSequence >= _folded);
            if (_sealed > 0) Assert.Contains(replica.Points, p => p.Sequence == _sealed);
            foreach (var pinned in _pins.Values) Assert.Contains(replica.Points, p => p.Id == pinned);
            _bench.Source.ForgetAfter(replica.DurableSequence);
            _promised = replica.DurableSequence;
            if (replica.Points.Count > 0) _sealed = replica.Points[^1].Sequence;
            // The source may have lost its memory too, or go on with the stream it had.
            if (replica.StreamId != _bench.Source.StreamId || replica.StreamId == Guid.Empty || _prng.Chance(0.5))
                await TakeAsync(replica, _bench.Source.BeginBatch(newStream: true));
            if (replica.InBatch != _bench.Source.InBatch) await TakeAsync(replica, _bench.Source.BeginBatch(false));
        }

        private Task TakeAsync(Replica replica, byte[] record) => _bench.TakeAsync(replica, record);

        private async Task StepAsync(Replica replica)
        {
            var source = _bench.Source;
            switch (_prng.Next(24))
            {
                case < 10: await TakeAsync(replica, source.Write()); break;
                case < 12: await TakeAsync(replica, source.Zero()); break;
                case < 14 when source.InBatch: await TakeAsync(replica, source.EndBatch()); break;
                case < 16: await FlushAsync(replica); break;
                case < 19 when !source.InBatch: await TakeAsync(replica, source.Checkpoint()); break;
                case 19 when !source.InBatch: await TakeAsync(replica, source.BeginBatch(_prng.Chance(0.3))); break;
                case 20: await FoldAsync(replica); break;
                case 21: await PinAsync(replica); break;
                case 22: await ViewAsync(replica); break;
                case 23 when !source.InBatch:
                    await TakeAsync(replica, source.Checkpoint(RecordFlags.Withdrawn));
                    break;
            }
        }

        private async Task FlushAsync(Replica replica)
        {
            var flush = await replica.FlushAsync(Ct);
            Assert.Equal(_bench.Source.Last, flush.DurableSequence);
            _promised = flush.DurableSequence;
            if (flush.Sealed.Count > 0) _sealed = flush.Sealed[^1].Sequence;
        }

        private async Task FoldAsync(Replica replica)
        {
            var result = await _bench.FoldAsync(replica, budget: _prng.Next(1, 300_000));
            Assert.NotEqual(FoldOutcome.Full, result.Outcome);
            Assert.True(replica.FoldedSequence <= _sealed);
            _folded = replica.FoldedSequence;
        }

        private async Task PinAsync(Replica replica)
        {
            var name = $"pin{_prng.Next(2)}";
            if (_pins.Remove(name)) await replica.UnpinAsync(name, Ct);
            else if (replica.Points.Count > 0)
            {
                var point = _prng.Pick(replica.Points);
                await replica.PinAsync(name, point.Id, Ct);
                _pins[name] = point.Id;
            }
        }

        // Views are left open over folds, crashes and restarts, and must still be what they were.
        private async Task ViewAsync(Replica replica)
        {
            var name = $"view{_prng.Next(2)}";
            if (replica.Views.Contains(name))
            {
                await _bench.CheckAsync(await replica.OpenViewAsync(name, null, writable: false, Ct));
                if (_prng.Chance(0.3)) await replica.CloseViewAsync(name, Ct);
            }
            else if (replica.Points.Count > 0)
            {
                var sequence = _prng.Pick(replica.Points).Sequence;
                await _bench.CheckAsync(await replica.OpenViewAsync(name, sequence, writable: false, Ct));
            }
        }
    }
}
