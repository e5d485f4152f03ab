// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Controller.Applications;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Tests.Controller;

public sealed class SharedCheckpointTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly SharedCheckpoint _checkpoint = new(TimeProvider.System);

    [Fact]
    public async Task Every_agent_holds_before_any_is_cut_and_all_settle_for_it()
    {
        var log = new List<string>();
        var (a, b) = (new FakeCutMember("a", log), new FakeCutMember("b", log));

        var result = await _checkpoint.TakeAsync([a, b], "nightly", TimeSpan.FromSeconds(1), None);

        Assert.True(result.Sealed);
        Assert.Equal(["a", "b"], result.Point.Points.Keys.Order());
        Assert.All(result.Point.Points.Values, p => Assert.Equal((result.Point.Id, "nightly"), (p.Id, p.Label)));
        Assert.True(log.FindLastIndex(l => l.EndsWith("hold")) < log.FindIndex(l => l.EndsWith("cut")));
        Assert.Equal((true, true), (a.Settled, b.Settled));
    }

    [Theory]
    [InlineData("reserve")]
    [InlineData("hold")]
    [InlineData("cut")]
    [InlineData("result")]
    [InlineData("refused")]
    [InlineData("broken")]
    public async Task When_one_agent_does_not_come_along_nobody_keeps_the_point(string where)
    {
        var (a, b) = (new FakeCutMember("a", []), new FakeCutMember("b", []) { FailsAt = where });

        var problem = await Assert.ThrowsAsync<ProblemException>(
            () => _checkpoint.TakeAsync([a, b], null, TimeSpan.FromSeconds(1), None));

        Assert.NotEqual(ReasonCode.None, problem.Reason);
        Assert.Equal((false, false), (a.Settled, b.Settled));
    }

    [Fact]
    public async Task A_point_that_one_agent_withdrew_by_itself_does_not_count()
    {
        var (a, b) = (new FakeCutMember("a", []), new FakeCutMember("b", []) { FailsAt = "settle" });

        var problem = await Assert.ThrowsAsync<ProblemException>(
            () => _checkpoint.TakeAsync([a, b], null, TimeSpan.FromSeconds(1), None));

        Assert.Equal(ReasonCode.Timeout, problem.Reason);
    }

    /// <summary>An agent that does as told and fails where it is told to.</summary>
    private sealed class FakeCutMember(string group, List<string> log) : ICutMember
    {
        private SharedCutRequest? _request;
        private CutVerb _asked;

        public IReadOnlyList<string> Groups => [group];
        public string? FailsAt { get; init; }
        public bool? Settled { get; private set; }

        public Task ReserveAsync(SharedCutRequest request, CancellationToken ct)
        {
            _request = request;
            return Say("reserve");
        }

        public void Ask(CutVerb verb, Guid cut) => _asked = verb;

        public void Answer() => Note(_asked == CutVerb.Hold ? "hold" : "cut");

        public async Task<SharedCutResult> ResultAsync(Guid cut, CancellationToken ct)
        {
            await Say("result");
            var point = FailsAt == "refused" ? null : new RecoveryPoint(cut, 7, Epoch.First, _request!.CutAt,
                Consistency.Crash, PointState.Open, _request.Label, null, new Dictionary<string, Consistency>());
            var reason = point is null ? ReasonCode.Timeout : ReasonCode.None;
            return new SharedCutResult([new SharedCutPart(group, point, TimeSpan.Zero, reason, null)],
                Intact: FailsAt != "broken");
        }

        public Task SettleAsync(Guid cut, bool agreed, CancellationToken ct)
        {
            Settled = agreed;
            return Say("settle");
        }

        public Task<bool> WaitSealedAsync(Guid cut, TimeSpan limit, CancellationToken ct) => Task.FromResult(true);

        private Task Say(string what)
        {
            try
            {
                Note(what);
                return Task.CompletedTask;
            }
            catch (ProblemException e)
            {
                return Task.FromException(e);
            }
        }

        private void Note(string what)
        {
            lock (log) log.Add($"{group} {what}");
            if (FailsAt == what) throw new ProblemException(ReasonCode.CaptureLost, $"{group} fails at {what}");
        }
    }
}
