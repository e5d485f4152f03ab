// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Status;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Tests.Controller.Alerts;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>Can I recover now, to when, how long does it take, what is wrong and what do I do.</summary>
public sealed class StatusBoardTests
{
    private static readonly RecoveryProof Proof =
        new(Guid.NewGuid(), RunKind.TestFailover, Sight.Now.AddDays(-2), TimeSpan.FromSeconds(7));

    [Fact]
    public void A_group_with_a_proof_needs_nobody()
    {
        var status = Of(Sight.Group(), new ProofOfGroup(Proof, null));
        Assert.Equal((Recoverable.Yes, TimeSpan.FromSeconds(7), "nothing"),
            (status.Recoverable, status.Proof!.Took, status.Advice));
        Assert.Equal(Sight.Replica().Newest!.CutAt, status.NewestPoint);
    }

    [Fact]
    public void What_was_never_tried_or_failed_is_to_be_drilled()
    {
        Assert.Contains("lifeboat drill shop", Of(Sight.Group(), null).Advice, StringComparison.Ordinal);
        var failed = new FailedProof(Guid.NewGuid(), RunKind.TestFailover, Sight.Now, ReasonCode.VerificationFailed);
        var advice = Of(Sight.Group(), new ProofOfGroup(Proof, failed)).Advice;
        Assert.Contains($"run get {failed.Run}", advice, StringComparison.Ordinal);
        // Where it does not recover to, nobody knows of its runs.
        Assert.Equal("nothing", StatusBoard.Of(Sight.Group(), null, "a").Advice);
    }

    [Theory]
    [InlineData(GroupState.Diverged, ReasonCode.Diverged, Recoverable.No, "group divergence")]
    [InlineData(GroupState.FailedOver, ReasonCode.PrimaryMoved, Recoverable.No, "failback")]
    [InlineData(GroupState.FailingOver, ReasonCode.RunInProgress, Recoverable.No, "wait")]
    [InlineData(GroupState.Degraded, ReasonCode.LinkDown, Recoverable.Yes, "lifeboat failover shop")]
    [InlineData(GroupState.Error, ReasonCode.CaptureLost, Recoverable.Yes, "logs")]
    public void The_state_decides(GroupState state, ReasonCode reason, Recoverable answer, string advice)
    {
        var status = Of(Sight.Group(state, reason), null);
        Assert.Equal(answer, status.Recoverable);
        Assert.Contains(advice, status.Advice, StringComparison.Ordinal);
    }

    [Fact]
    public void Advice_names_the_site_where_it_is_to_be_followed()
    {
        string At(string site, GroupInfo group) => StatusBoard.Of(group, null, site).Advice;
        var moved = Sight.Group(GroupState.FailedOver, ReasonCode.PrimaryMoved);
        Assert.Equal("lifeboat failback shop", At("b", moved));
        Assert.Equal("when site b is back: lifeboat failback shop there", At("a", moved));
        // A source that was refused learns who is primary before its definition says so.
        var refused = moved with { Source = Sight.Source() with { Phase = SourcePhase.Fenced } };
        Assert.Equal("wait until site b has said what holds now", At("a", refused));
        Assert.EndsWith("resolve at b", At("a", refused with { State = GroupState.Diverged }),
            StringComparison.Ordinal);
        Assert.EndsWith("resolve at a", At("a", Sight.Group(GroupState.Diverged, ReasonCode.Diverged)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_old_point_is_late_and_none_is_no()
    {
        Assert.Equal(Recoverable.Late,
            Of(Sight.Group() with { Exposure = TimeSpan.FromMinutes(5) }, null).Recoverable);
        Assert.Equal(Recoverable.No, Of(Sight.Group() with { NewestPoint = null }, null).Recoverable);
        // The source knows of a point; whoever has it does not answer.
        var mute = Sight.Group(GroupState.Degraded, ReasonCode.AgentUnreachable) with { Replica = null };
        Assert.Equal(Recoverable.No, Of(mute, null).Recoverable);
        Assert.Equal(Recoverable.Yes, StatusBoard.Of(mute, null, "a").Recoverable);
    }

    [Fact]
    public async Task A_drill_is_the_proof_at_the_site_where_it_ran()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        Assert.Contains("never tried", Assert.Single((await sites.B.Client.StatusAsync(Ct)).Groups).Advice,
            StringComparison.Ordinal);
        var run = await sites.B.Client.StartRunAsync("shop", new StartRunRequest { Kind = RunKind.TestFailover }, Ct);
        await foreach (var _ in sites.B.Client.WatchRunAsync(run.Id, Ct)) { }
        var status = await sites.B.Client.StatusAsync(Ct);
        var shop = Assert.Single(status.Groups);
        Assert.Equal(("b", run.Id, Recoverable.Yes), (status.Site, shop.Proof?.Run, shop.Recoverable));
        Assert.True(shop.Proof!.Took > TimeSpan.Zero);
        Assert.Null(Assert.Single((await sites.A.Client.StatusAsync(Ct)).Groups).Proof);
    }

    private static GroupStatus Of(GroupInfo group, ProofOfGroup? shown) => StatusBoard.Of(group, shown, "b");
}
