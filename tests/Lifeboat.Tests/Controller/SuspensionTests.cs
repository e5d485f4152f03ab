// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

public sealed class SuspensionTests
{
    private static readonly SuspendGroupRequest Works = new("works on the link", TimeSpan.FromHours(2));

    [Fact]
    public async Task A_suspended_group_is_suspended_at_both_sites_until_it_is_resumed()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.A, GroupState.Protected);
        await UntilAsync(sites.B, GroupState.Protected);

        var info = await sites.A.Client.SuspendGroupAsync("shop", Works, Ct);
        Assert.Equal((GroupState.Suspended, ReasonCode.SuspendedByOperator), (info.State, info.Reason));
        Assert.Contains("works on the link; resumes by itself at ", info.Detail, StringComparison.Ordinal);
        Assert.Equal("works on the link", sites.A.Agent.SourceSpec("shop")!.Suspension!.Reason);
        await UntilAsync(sites.B, GroupState.Suspended);
        await sites.A.StopControllerAsync();
        await sites.A.StartControllerAsync();
        await UntilAsync(sites.A, GroupState.Suspended);

        var again = await sites.A.Client.SuspendGroupAsync("shop", Works with { Reason = "more works" }, Ct);
        Assert.Equal(info.Definition.Suspension!.Since, again.Definition.Suspension!.Since);
        Assert.True(again.Definition.Suspension.Until >= info.Definition.Suspension.Until);
        Assert.Equal("more works", sites.A.Agent.SourceSpec("shop")!.Suspension!.Reason);

        Assert.Equal(GroupState.Protected, (await sites.A.Client.ResumeGroupAsync("shop", Ct)).State);
        Assert.Equal(GroupState.Protected, (await sites.A.Client.ResumeGroupAsync("shop", Ct)).State);
        Assert.Null(sites.A.Agent.SourceSpec("shop")!.Suspension);
        await UntilAsync(sites.B, GroupState.Protected);
    }

    [Fact]
    public async Task What_cannot_be_suspended_is_refused_with_all_that_is_wrong()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        var refused = await RefusedAsync(ReasonCode.InvalidRequest,
            () => sites.A.Client.SuspendGroupAsync("shop", new SuspendGroupRequest(" ", TimeSpan.Zero), Ct));
        Assert.Equal(2, refused.Errors!.Count);
        await RefusedAsync(ReasonCode.InvalidRequest, () => sites.A.Client.SuspendGroupAsync("shop",
            Works with { For = TimeSpan.FromDays(31) }, Ct));
        await RefusedAsync(ReasonCode.GroupUnknown, () => sites.A.Client.SuspendGroupAsync("nobody", Works, Ct));
        await RefusedAsync(ReasonCode.WrongSite, () => sites.B.Client.SuspendGroupAsync("shop", Works, Ct));
        await RefusedAsync(ReasonCode.WrongSite, () => sites.B.Client.ResumeGroupAsync("shop", Ct));
        Assert.Equal(GroupState.Protected, (await sites.A.Client.GroupAsync("shop", Ct)).State);
    }

    [Fact]
    public void A_suspension_whose_time_is_over_is_none()
    {
        var now = new DateTimeOffset(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
        var suspension = new Suspension("works", now - TimeSpan.FromHours(1), now);
        Assert.True(suspension.Holds(now - TimeSpan.FromTicks(1)));
        Assert.False(suspension.Holds(now));
        Assert.Single((suspension with { Until = suspension.Since }).Problems());
    }
}
