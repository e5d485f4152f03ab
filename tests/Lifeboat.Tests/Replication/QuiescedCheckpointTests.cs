// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Checkpoints;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Lifeboat.Tests.Replication;

public sealed class QuiescedCheckpointTests
{
    private static readonly string[] Instances = ["db", "web"];
    private readonly Guests _guests = new();
    private readonly List<(string Note, string Reached, bool Counts)> _cuts = [];

    [Fact]
    public async Task Instances_are_frozen_in_order_cut_and_thawed_in_reverse()
    {
        var outcome = await TakeAsync(QuiesceFailure.Strict);
        Assert.Equal(ReasonCode.None, outcome.Checkpoint.Reason);
        Assert.Equal(["freeze db", "freeze web", "cut", "thaw web", "thaw db"], _guests.Calls);
        Assert.Equal([("", "db=Application web=Application", true)], _cuts);
        Assert.Empty(outcome.Failures);
        Assert.NotNull(outcome.Frozen);
    }

    [Fact]
    public async Task Strict_makes_no_point_when_a_freeze_fails_and_thaws_what_was_frozen()
    {
        _guests.Refusing.Add("web");
        var outcome = await TakeAsync(QuiesceFailure.Strict);
        Assert.Equal(ReasonCode.QuiesceFailed, outcome.Checkpoint.Reason);
        Assert.Empty(_cuts);
        Assert.Equal(["freeze db", "freeze web", "thaw web", "thaw db"], _guests.Calls);
    }

    [Fact]
    public async Task Degrade_says_what_was_not_quiesced()
    {
        _guests.Refusing.Add("db");
        var outcome = await TakeAsync(QuiesceFailure.Degrade);
        Assert.Equal(ReasonCode.None, outcome.Checkpoint.Reason);
        Assert.Equal([("not quiesced: db: QuiesceFailed as the test says", "db=Crash web=Application", true)], _cuts);
        Assert.Empty(_guests.Frozen);
    }

    [Theory]
    [InlineData(QuiesceFailure.Strict)]
    [InlineData(QuiesceFailure.Degrade)]
    public async Task A_cut_after_the_dead_man_came_does_not_count(QuiesceFailure onFailure)
    {
        _guests.DeadManComesFor.Add("db");
        var outcome = await TakeAsync(onFailure);
        Assert.False(_cuts[0].Counts);
        Assert.NotEmpty(outcome.Failures);
        if (onFailure == QuiesceFailure.Strict)
        {
            Assert.Equal(ReasonCode.QuiesceFailed, outcome.Checkpoint.Reason);
            Assert.Single(_cuts);
            return;
        }
        Assert.Equal(("db=Crash web=Crash", true), (_cuts[1].Reached, _cuts[1].Counts));
        Assert.Equal(ReasonCode.None, outcome.Checkpoint.Reason);
    }

    [Theory]
    [InlineData(1, ReasonCode.None)]
    [InlineData(9, ReasonCode.QuiesceFailed)]
    public async Task A_member_may_be_tried_anew_and_then_its_rule_counts(int refusals, ReasonCode reason)
    {
        _guests.Refusing.Add("web");
        _guests.RefusesOnly = refusals;
        var outcome = await new QuiescedCheckpoint(_guests, new ClockWithoutWaits(),
            NullLogger<QuiescedCheckpoint>.Instance).TakeAsync(Members(QuiesceFailure.Strict, retries: 2),
            TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1), CutAsync, default);
        Assert.Equal(reason, outcome.Checkpoint.Reason);
        Assert.Equal(reason == ReasonCode.None ? 2 : 3, _guests.Calls.Count(c => c == "freeze web"));
        Assert.Equal(_guests.Calls.Count(c => c.StartsWith("freeze", StringComparison.Ordinal)),
            _guests.Calls.Count(c => c.StartsWith("thaw", StringComparison.Ordinal)));
        Assert.Empty(_guests.Frozen);
    }

    [Fact]
    public async Task A_member_that_may_degrade_does_and_one_that_may_not_ends_the_point()
    {
        _guests.Refusing.Add("web");
        List<QuiesceMember> members = [new("db", QuiesceFailure.Strict), new("web", QuiesceFailure.Degrade)];
        var outcome = await new QuiescedCheckpoint(_guests, TimeProvider.System,
            NullLogger<QuiescedCheckpoint>.Instance).TakeAsync(members, TimeSpan.FromSeconds(10), TimeSpan.Zero,
            CutAsync, default);
        Assert.Equal(ReasonCode.None, outcome.Checkpoint.Reason);
        Assert.Equal("db=Application web=Crash", _cuts.Single().Reached);
    }

    [Fact]
    public async Task Whatever_happens_in_the_cut_everything_is_thawed()
    {
        await Assert.ThrowsAsync<OperationCanceledException>(() => new QuiescedCheckpoint(_guests, TimeProvider.System,
            NullLogger<QuiescedCheckpoint>.Instance).TakeAsync(Members(QuiesceFailure.Strict), TimeSpan.FromSeconds(10),
            TimeSpan.Zero, (_, _, _, _) => throw new OperationCanceledException(), default));
        Assert.Empty(_guests.Frozen);
    }

    [Fact]
    public async Task A_thaw_that_fails_claims_nothing()
    {
        _guests.Unthawable.Add("web");
        var outcome = await TakeAsync(QuiesceFailure.Strict);
        Assert.Equal(ReasonCode.QuiesceFailed, outcome.Checkpoint.Reason);
        Assert.False(_cuts[0].Counts);
        Assert.DoesNotContain("db", _guests.Frozen);
    }

    [Fact]
    public async Task The_dead_man_gets_what_is_left_of_the_limit()
    {
        await TakeAsync(QuiesceFailure.Strict);
        Assert.All(_guests.Deadlines, d => Assert.InRange(d, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10)));
        Assert.Equal(_guests.Deadlines.OrderDescending(), _guests.Deadlines);
    }

    private Task<QuiescedOutcome> TakeAsync(QuiesceFailure onFailure) =>
        new QuiescedCheckpoint(_guests, TimeProvider.System, NullLogger<QuiescedCheckpoint>.Instance)
            .TakeAsync(Members(onFailure), TimeSpan.FromSeconds(10), TimeSpan.Zero, CutAsync, default);

    private static IReadOnlyList<QuiesceMember> Members(QuiesceFailure onFailure, int retries = 0) =>
        [.. Instances.Select(i => new QuiesceMember(i, onFailure, retries))];

    private async Task<CheckpointOutcome> CutAsync(IReadOnlyDictionary<string, Consistency> reached, QuiesceNote note,
        Func<Task<bool>> confirm, CancellationToken ct)
    {
        _guests.Calls.Add("cut");
        var counts = await confirm();
        var all = reached.OrderBy(r => r.Key).Select(r => $"{r.Key}={r.Value}");
        _cuts.Add((note.Failed ?? "", string.Join(' ', all), counts));
        return new CheckpointOutcome(null, TimeSpan.Zero, counts ? ReasonCode.None : ReasonCode.QuiesceFailed);
    }

    private sealed class Guests : IQuiesceInstances
    {
        public List<string> Calls { get; } = [];
        public HashSet<string> Frozen { get; } = [];
        public HashSet<string> Refusing { get; } = [];
        public HashSet<string> DeadManComesFor { get; } = [];
        public HashSet<string> Unthawable { get; } = [];
        public List<TimeSpan> Deadlines { get; } = [];
        public int RefusesOnly { get; set; } = int.MaxValue;

        public Task<QuiesceOutcome> FreezeAsync(string instance, TimeSpan deadline, CancellationToken ct)
        {
            Calls.Add($"freeze {instance}");
            Deadlines.Add(deadline);
            if (Refusing.Contains(instance) && RefusesOnly-- > 0)
                return Task.FromResult(
                    new QuiesceOutcome(Consistency.Crash, ReasonCode.QuiesceFailed, "as the test says"));
            Frozen.Add(instance);
            return Task.FromResult(new QuiesceOutcome(Consistency.Application, ReasonCode.None, null));
        }

        public Task<bool> ThawAsync(string instance, CancellationToken ct)
        {
            Calls.Add($"thaw {instance}");
            if (Unthawable.Contains(instance)) throw new QuiesceException(QuiesceFault.Unreachable, "as the test says");
            Frozen.Remove(instance);
            return Task.FromResult(!DeadManComesFor.Contains(instance));
        }
    }

    // Its timers are due at once.
    private sealed class ClockWithoutWaits : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan due, TimeSpan period) =>
            base.CreateTimer(callback, state, TimeSpan.FromTicks(Math.Min(due.Ticks, 1)), period);
    }
}
