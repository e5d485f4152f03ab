// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Merging;
using Lifeboat.Protection.Plans;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>One group, edited at both sites while they do not hear of each other.</summary>
public sealed class GroupsEditedApartTests
{
    private const string Rpo = "policy.rpoTarget";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Edits_of_both_sites_come_together_and_what_contradicts_is_shown_at_both_until_it_is_settled()
    {
        await using var sites = await StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(() => Merging(sites.B), "b does not know that a merges");
        await RefusedAsync(ReasonCode.WrongSite, () => ChecksAsync(sites.B, "boot:90"));
        await ApartAsync(sites, rpoOfA: 25, rpoOfB: 40);

        foreach (var site in new[] { sites.A, sites.B })
        {
            var group = await TwoSites.UntilAsync(site,
                g => g.Conflicts.Count > 0 && g.Definition.Checks is ["boot:90"]);
            Assert.Equal((S(25), S(60)), (group.Definition.Policy.RpoTarget, group.Definition.Policy.RtoTarget));
            var conflict = Assert.Single(group.Conflicts);
            Assert.Equal(Rpo, conflict.Field);
            Assert.Equal([("a", "25s", true), ("b", "40s", false)],
                conflict.Values.Select(v => (v.Site, v.Value, v.Holds)));
            await AlertAsync(site);
        }
        await SameAsync(sites);
        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () => sites.A.Client.SettleGroupAsync("shop",
            new SettleRequest { Keep = "c", Fields = ["checks"] }, Ct));
        Assert.Equal(2, refused.Errors!.Count);
        // Where it does not run, too: whoever chooses knows both.
        await sites.B.Client.SettleGroupAsync("shop", new SettleRequest { Keep = "b" }, Ct);
        foreach (var site in new[] { sites.A, sites.B })
            await TwoSites.UntilAsync(site, g => g.Conflicts.Count == 0 && g.Definition.Policy.RpoTarget == S(40));
        Assert.Equal(S(40), sites.A.Agent.SourceSpec("shop")!.Policy.RpoTarget);
        await SameAsync(sites);
        await RefusedAsync(ReasonCode.WrongState,
            () => sites.A.Client.SettleGroupAsync("shop", new SettleRequest { Keep = "a" }, Ct));
    }

    [Fact]
    public async Task An_edit_of_the_field_and_a_file_that_is_applied_settle_it_too()
    {
        await using var sites = await StartAsync();
        await sites.ProtectAsync();
        await PolicyAsync(sites.A, new PolicyChange { RpoTarget = S(25) });
        // To what holds already: that it is said is what counts.
        await ContestAsync(sites.A, 40);
        await PolicyAsync(sites.A, new PolicyChange { RpoTarget = S(25) });
        await TwoSites.UntilAsync(sites.B, g => g.Conflicts.Count == 0 && g.Definition.Policy.RpoTarget == S(25));

        await ContestAsync(sites.A, 50);
        const string text = "kind: Group\nname: shop\nrecoverySite: b\nmembers: [db1]\noverrides: {rpoTarget: 25s}\n";
        var request = new ApplyRequest { Files = [new DeclarationFile("shop.yaml", text)] };
        var applied = await sites.A.Client.ApplyAsync(request, Ct);
        Assert.Equal([Rpo], Assert.Single(applied.Changes).Fields.Select(f => f.Field));
        await TwoSites.UntilAsync(sites.B, g => g.Conflicts.Count == 0 && g.Definition.Policy.RpoTarget == S(25));
        Assert.Empty((await sites.A.Client.ApplyAsync(request, Ct)).Changes);
    }

    [Fact]
    public async Task What_the_left_site_had_edited_is_not_lost_by_the_epoch_that_a_failover_raises()
    {
        await using var sites = await StartAsync();
        await sites.ProtectAsync();
        await TwoSites.UntilAsync(sites.B, GroupState.Protected);
        await sites.B.StopControllerAsync();
        await PolicyAsync(sites.A, new PolicyChange { RpoTarget = S(25), QuiesceLabel = "hourly" });
        await sites.LoseAAsync();
        await sites.B.StartControllerAsync();
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.B, RunKind.Failover)).State);
        await PolicyAsync(sites.B, new PolicyChange { RpoTarget = S(40), RtoTarget = S(60) });
        await sites.BringABackAsync();

        foreach (var site in new[] { sites.B, sites.A })
        {
            var group = await TwoSites.UntilAsync(site, g => g.Conflicts.Count > 0);
            var policy = group.Definition.Policy;
            Assert.Equal((S(40), S(60), "hourly"), (policy.RpoTarget, policy.RtoTarget, policy.QuiesceLabel));
            Assert.Equal("b", group.Definition.PrimarySite);
        }
        await sites.B.Client.SettleGroupAsync("shop", new SettleRequest { Keep = "a", Fields = [Rpo] }, Ct);
        await TwoSites.UntilAsync(sites.A, g => g.Conflicts.Count == 0 && g.Definition.Policy.RpoTarget == S(25));
        await SameAsync(sites);
    }

    [Fact]
    public async Task A_group_that_one_site_deleted_and_the_other_one_edited_is_kept_where_it_is_and_shown_at_both()
    {
        await using var sites = await StartAsync();
        await sites.ProtectAsync();
        await sites.B.StopControllerAsync();
        await PolicyAsync(sites.A, new PolicyChange { RpoTarget = S(25) });
        await sites.A.StopControllerAsync();
        await sites.B.StartControllerAsync();
        // A site of a release that does not merge would never learn of it.
        sites.B.Services.GetRequiredService<PeerDirectory>().LearnMerging("a", merges: false);
        var refused = await RefusedAsync(ReasonCode.WrongSite, () => ChecksAsync(sites.B, "boot:90"));
        Assert.Contains("release", refused.Detail!, StringComparison.Ordinal);
        await sites.B.Client.DeleteGroupAsync("shop", Ct);
        await sites.A.StartControllerAsync();

        var kept = await TwoSites.UntilAsync(sites.A, g => g.Conflicts.Count > 0);
        Assert.Equal(GroupMerging.Deleted, Assert.Single(kept.Conflicts).Field);
        Assert.NotNull(sites.A.Agent.SourceSpec("shop"));
        await AlertAsync(sites.A);
        await AlertAsync(sites.B);
        await RefusedAsync(ReasonCode.GroupUnknown, () => sites.B.Client.GroupAsync("shop", Ct));
        await RefusedAsync(ReasonCode.WrongState,
            () => sites.A.Client.SettleGroupAsync("shop", new SettleRequest { Keep = "a" }, Ct));
        // Both know all of it, so no more is said.
        var answer = await sites.B.Services.GetRequiredService<Exchange>().AnswerAsync("a",
            await sites.A.Services.GetRequiredService<Exchange>().AnswerAsync("b", new([], Stand: "none"), Ct), Ct);
        Assert.Null(answer.Known);

        await sites.A.Client.DeleteGroupAsync("shop", Ct);
        Assert.False(GroupMerging.IsSplit(Store(sites.B).Find("shop")!.Definition));
        await sites.A.Client.CreateGroupAsync(Request(), Ct);
        Assert.Empty((await sites.B.Client.GroupAsync("shop", Ct)).Conflicts);
    }

    // As if b, which knew only how the group was made, had edited it meanwhile.
    private static async Task ContestAsync(TestSite a, int rpoOfB)
    {
        var now = Of(a);
        var made = now with { Edits = MergedFields.None };
        var edited = GroupMerging.Edited(made, made with { Policy = made.Policy with { RpoTarget = S(rpoOfB) } }, [],
            $"b.{rpoOfB}", DateTimeOffset.UnixEpoch);
        await a.Services.GetRequiredService<Exchange>().AnswerAsync("b",
            new GroupExchange([new GroupRecord(edited, Removed: false)], Stand: "other"), Ct);
        Assert.Equal(Rpo, Assert.Single((await a.Client.GroupAsync("shop", Ct)).Conflicts).Field);
    }

    // a's controller and b's, each edited while the other one is away.
    private static async Task ApartAsync(TwoSites sites, int rpoOfA, int rpoOfB)
    {
        await sites.A.StopControllerAsync();
        // Only once it is known that the site where it runs does not answer.
        await UntilAsync(() => IsTakenAsync(() => ChecksAsync(sites.B, "boot:90")), "b may not edit");
        await PolicyAsync(sites.B, new PolicyChange { RpoTarget = S(rpoOfB) });
        await sites.B.StopControllerAsync();
        await sites.A.StartControllerAsync();
        await PolicyAsync(sites.A, new PolicyChange { RpoTarget = S(rpoOfA), RtoTarget = S(60) });
        await sites.B.StartControllerAsync();
    }

    private static Task<bool> Merging(TestSite site) =>
        Task.FromResult(site.Services.GetRequiredService<PeerDirectory>().MergesEdits("a"));

    private static Task PolicyAsync(TestSite site, PolicyChange change) =>
        site.Client.ChangePolicyAsync("shop", change, Ct);

    private static Task ChecksAsync(TestSite site, string check) =>
        site.Client.ChangePlanAsync("shop", new PlanChange { Checks = [check] }, Ct);

    private static Task AlertAsync(TestSite site) => UntilAsync(async () => (await site.Client.StatusAsync(Ct)).Alerts
            .Any(a => a is { Kind: AlertKind.GroupConflict, Subject: "shop", Tenant: "default" }),
        $"{site.Name}: no alert");

    private static async Task<bool> IsTakenAsync(Func<Task> edit)
    {
        try
        {
            await edit();
            return true;
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.WrongSite)
        {
            return false;
        }
    }

    private static Task SameAsync(TwoSites sites) => UntilAsync(() =>
    {
        var (a, b) = (Of(sites.A), Of(sites.B));
        return Task.FromResult((a.Epoch, a.Version) == (b.Epoch, b.Version) && a.Policy == b.Policy
            && a.Checks.SequenceEqual(b.Checks) && !GroupMerging.HasNews(a, b) && !GroupMerging.HasNews(b, a));
    }, "the sites have different definitions");

    private static GroupDefinition Of(TestSite site) => Store(site).Find("shop")!.Definition;

    private static GroupStore Store(TestSite site) => site.Services.GetRequiredService<GroupStore>();

    private static async Task UntilAsync(Func<Task<bool>> holds, string otherwise)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (!await holds())
        {
            if (TimeProvider.System.GetElapsedTime(since) > Patience) Assert.Fail(otherwise);
            await Task.Delay(100, Ct);
        }
    }

    private static TimeSpan S(int seconds) => TimeSpan.FromSeconds(seconds);
}
