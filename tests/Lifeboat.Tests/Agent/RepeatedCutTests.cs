// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Sources;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Checkpoints;

namespace Lifeboat.Tests.Agent;

/// <summary>A slow moment of the host is no answer to who waits for a point.</summary>
public sealed class RepeatedCutTests
{
    private static readonly CheckpointOutcome Withdrawn =
        new(null, TimeSpan.FromMilliseconds(3), ReasonCode.CaptureLost, "a mirror could not be seen intact");
    private static readonly CheckpointOutcome Cut = new(new RecoveryPoint(Guid.NewGuid(), 7, Epoch.First,
        DateTimeOffset.UnixEpoch, Consistency.Crash, PointState.Open, null, null,
        new Dictionary<string, Consistency>()), TimeSpan.FromMilliseconds(3), ReasonCode.None);

    [Fact]
    public async Task It_is_cut_again_until_there_is_a_point()
    {
        var tries = 0;
        var outcome = await TakeAsync(new SteppingClock(), () => ++tries < 4 ? Withdrawn : Cut, () => true);
        Assert.Equal((Cut, 4), (outcome, tries));
    }

    [Fact]
    public async Task Without_capture_it_is_not_tried_again()
    {
        var tries = 0;
        var outcome = await TakeAsync(new SteppingClock(), () => { tries++; return Withdrawn; }, () => tries < 2);
        Assert.Equal((Withdrawn, 2), (outcome, tries));
    }

    [Fact]
    public async Task Nobody_waits_for_ever_and_what_was_wrong_at_last_is_said()
    {
        var (tries, clock) = (0, new SteppingClock());
        var outcome = await TakeAsync(clock, () => { tries++; return Withdrawn; }, () => true);
        Assert.Equal(Withdrawn, outcome);
        Assert.InRange(tries, 10, 1000);
        Assert.InRange(clock.Waited, RepeatedCut.Limit, RepeatedCut.Limit + TimeSpan.FromSeconds(1));
    }

    private static Task<CheckpointOutcome> TakeAsync(TimeProvider clock, Func<CheckpointOutcome> cut,
        Func<bool> isCapturing) =>
        new RepeatedCut(clock).TakeAsync(() => Task.FromResult(cut()), isCapturing, default);

    // Waits cost nothing but the time that it says.
    private sealed class SteppingClock : TimeProvider
    {
        public TimeSpan Waited { get; private set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;
        public override long GetTimestamp() => Waited.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan due, TimeSpan period)
        {
            Waited += due;
            return base.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
