// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Policies;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Merging;
using Lifeboat.Protection.Policies;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>Named policies at two sites: changed at either, also while the other one is away.</summary>
public sealed class PolicyExchangeTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Changes_of_both_sites_while_they_were_apart_come_together_and_what_contradicts_is_settled()
    {
        await using var sites = await StartAsync();
        await sites.ProtectAsync();
        await sites.A.Client.CreatePolicyAsync(new() { Name = "gold", Policy = new() { RpoTarget = S(20) } }, Ct);
        await UntilAsync(sites.B, "gold", p => p.Policy.RpoTarget == S(20));
        await sites.A.Client.ChangePolicyAsync("shop", new PolicyChange { Follow = "gold" }, Ct);

        await sites.B.StopControllerAsync();
        await ChangeAsync(sites.A, new PolicyChange { RpoTarget = S(25), RtoTarget = S(60) });
        await sites.A.StopControllerAsync();
        await sites.B.StartControllerAsync();
        await ChangeAsync(sites.B, new PolicyChange { RpoTarget = S(40), QuiesceLabel = "hourly" });
        await sites.A.StartControllerAsync();

        // Both have what only one changed, each still has its own of what both did, and both say so.
        foreach (var (site, rpo) in new[] { (sites.A, 25), (sites.B, 40) })
        {
            var now = await UntilAsync(site, "gold", p => p.Conflicts.Count > 0);
            Assert.Equal((S(rpo), S(60), "hourly"), (now.Policy.RpoTarget, now.Policy.RtoTarget,
                now.Policy.QuiesceLabel));
            var conflict = Assert.Single(now.Conflicts);
            Assert.Equal("rpoTarget", conflict.Field);
            Assert.Equal([("a", "25s", rpo == 25), ("b", "40s", rpo == 40)],
                conflict.Values.Select(v => (v.Site, v.Value, v.Holds)));
            var alert = await AlertAsync(site);
            Assert.Equal(("gold", "default"), (alert.Subject, alert.Tenant));
        }
        await TwoSites.UntilAsync(sites.A, g => g.Definition.Policy.QuiesceLabel == "hourly");
        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () => sites.B.Client.SettlePolicyAsync("gold",
            new SettleRequest { Keep = "c", Fields = ["rtoTarget"] }, Ct));
        Assert.Equal(2, refused.Errors!.Count);

        var settled = await sites.B.Client.SettlePolicyAsync("gold", new SettleRequest { Keep = "b" }, Ct);
        Assert.Empty(settled.Conflicts);
        await UntilAsync(sites.A, "gold", p => p.Conflicts.Count == 0 && p.Policy.RpoTarget == S(40));
        await TwoSites.UntilAsync(sites.A, g => g.Definition.Policy.RpoTarget == S(40));
        await RefusedAsync(ReasonCode.WrongState, () => sites.A.Client.SettlePolicyAsync("gold",
            new SettleRequest { Keep = "a" }, Ct));
        Assert.Equal(settled.Version, (await sites.A.Client.PolicyAsync("gold", Ct)).Version);
    }

    [Fact]
    public async Task What_one_site_deleted_and_the_other_one_changed_stays_until_somebody_chooses()
    {
        await using var sites = await StartAsync();
        foreach (var name in new[] { "gold", "lead" })
        {
            await sites.A.Client.CreatePolicyAsync(new() { Name = name, Policy = new() { RpoTarget = S(20) } }, Ct);
            await UntilAsync(sites.B, name, p => p.Policy.RpoTarget == S(20));
        }
        await sites.B.StopControllerAsync();
        await sites.A.Client.DeletePolicyAsync("gold", Ct);
        await sites.A.Client.DeletePolicyAsync("lead", Ct);
        await sites.A.StopControllerAsync();
        await sites.B.StartControllerAsync();
        await ChangeAsync(sites.B, new PolicyChange { RpoTarget = S(40) });
        await sites.A.StartControllerAsync();

        var back = await UntilAsync(sites.A, "gold", p => p.Conflicts.Count > 0);
        Assert.Equal(S(40), back.Policy.RpoTarget);
        Assert.Equal(PolicyMerging.Deleted, Assert.Single(back.Conflicts).Field);
        await UntilAsync(sites.B, "gold", p => p.Conflicts.Count > 0);
        // What nobody changed meanwhile is gone.
        await RefusedAsync(ReasonCode.PolicyUnknown, () => sites.B.Client.PolicyAsync("lead", Ct));

        await sites.A.Client.SettlePolicyAsync("gold", new SettleRequest { Keep = "a" }, Ct);
        await GoneAsync(sites.B, "gold");
        await sites.B.Client.CreatePolicyAsync(new() { Name = "gold" }, Ct);
        var anew = await UntilAsync(sites.A, "gold", p => p.Policy == Policy.Default);
        Assert.Empty(anew.Conflicts);
    }

    [Fact]
    public async Task A_policy_that_a_group_follows_is_not_deleted_by_a_site_that_did_not_know()
    {
        await using var sites = await StartAsync();
        await sites.ProtectAsync();
        await sites.A.Client.CreatePolicyAsync(new CreatePolicyRequest { Name = "gold" }, Ct);
        await UntilAsync(sites.B, "gold", _ => true);
        await sites.A.StopControllerAsync();
        await sites.B.Client.DeletePolicyAsync("gold", Ct);
        await sites.B.StopControllerAsync();
        await sites.A.StartControllerAsync();
        await sites.A.Client.ChangePolicyAsync("shop", new PolicyChange { Follow = "gold" }, Ct);
        await sites.B.StartControllerAsync();

        await UntilAsync(sites.B, "gold", p => p.Conflicts.Count > 0);
        await RefusedAsync(ReasonCode.Conflict, () => sites.B.Client.SettlePolicyAsync("gold",
            new SettleRequest { Keep = "b" }, Ct));
        await sites.B.Client.SettlePolicyAsync("gold", new SettleRequest { Keep = "a" }, Ct);
        await UntilAsync(sites.A, "gold", p => p.Conflicts.Count == 0);
    }

    [Fact]
    public async Task Changes_that_are_sound_alone_and_not_together_change_nothing_until_somebody_makes_them_sound()
    {
        await using var sites = await StartAsync();
        await sites.A.Client.CreatePolicyAsync(new CreatePolicyRequest { Name = "gold" }, Ct);
        await UntilAsync(sites.B, "gold", _ => true);
        await sites.B.StopControllerAsync();
        await ChangeAsync(sites.A, new PolicyChange { Source = ChangeSource.Bitmap, RpoTarget = S(120) });
        await sites.A.StopControllerAsync();
        await sites.B.StartControllerAsync();
        await ChangeAsync(sites.B, new PolicyChange { SharedInterval = S(60) });
        await sites.A.StartControllerAsync();

        var (a, b) = (await UntilAsync(sites.A, "gold", p => p.Faults.Count > 0),
            await UntilAsync(sites.B, "gold", p => p.Faults.Count > 0));
        Assert.Equal((ChangeSource.Bitmap, null), (a.Policy.Source, a.Policy.SharedInterval));
        Assert.Equal((ChangeSource.Continuous, S(60)), (b.Policy.Source, b.Policy.SharedInterval));
        await ChangeAsync(sites.A, new PolicyChange { SharedInterval = TimeSpan.Zero });
        var now = await UntilAsync(sites.B, "gold", p => p.Faults.Count == 0);
        Assert.Equal((await sites.A.Client.PolicyAsync("gold", Ct)).Policy, now.Policy);
        Assert.Equal(ChangeSource.Bitmap, now.Policy.Source);
    }

    [Fact]
    public async Task Policies_of_a_release_that_did_not_exchange_them_meet_and_a_tenants_stay_its_own()
    {
        await using var sites = await StartAsync(paired: false);
        foreach (var (site, rpo) in new[] { (sites.A, 20), (sites.B, 40) })
        {
            await site.Client.CreateTenantAsync(new CreateTenantRequest { Name = "acme" }, Ct);
            var store = site.Services.GetRequiredService<PolicyStore>();
            foreach (var name in new[] { "acme_gold", "lead" })
                Assert.True(store.TrySave(null, new StoredPolicy(name, 3, null,
                    new Policy { RpoTarget = S(name == "lead" ? 7 : rpo) }, DateTimeOffset.UnixEpoch)));
        }
        await sites.A.Client.PairAsync((await sites.B.Client.CreateTokenAsync(Ct)).Token, Ct);
        using var acme = new ControllerClient(TenantHeader.Over(UnixSocketHttp.Handler(
            sites.B.Paths.ControllerSocket), "acme"), new Uri("http://controller/"));
        await UntilAsync(sites.B, "acme_gold", p => p.Conflicts.Count > 0);
        Assert.Equal(["acme_gold"], (await acme.PoliciesAsync(Ct)).Select(p => p.Name));
        Assert.Empty((await sites.B.Client.PolicyAsync("lead", Ct)).Conflicts);
        await AlertAsync(sites.B);
        Assert.Contains((await acme.StatusAsync(Ct)).Alerts, a => a.Kind is AlertKind.PolicyConflict);
        await acme.SettlePolicyAsync("gold", new SettleRequest { Keep = "a" }, Ct);
        await UntilAsync(sites.A, "acme_gold", p => p.Conflicts.Count == 0 && p.Policy.RpoTarget == S(20));
    }

    [Fact]
    public async Task What_another_release_says_more_is_kept_and_what_is_none_is_refused()
    {
        await using var sites = await StartAsync();
        var levelling = sites.A.Services.GetRequiredService<PolicyLevelling>();
        var store = sites.A.Services.GetRequiredService<PolicyStore>();
        var fields = MergedFields.None.With([new("rpoTarget", "\"00:00:20\""), new("colour", "\"blue\"")], "b.x",
            DateTimeOffset.UnixEpoch);
        levelling.Answer("b", new PolicyExchange(null, [new("gold", Policy.Default, null, fields),
            new("no name", Policy.Default, null, fields), new("lead", Policy.Default, null, fields.With(
                [new("rtoTarget", "\"soon\"")], "b.x", DateTimeOffset.UnixEpoch))], []));
        Assert.Equal(["gold"], store.All().Select(p => p.Name));
        await ChangeAsync(sites.A, new PolicyChange { RtoTarget = S(60) });
        Assert.Equal("\"blue\"", store.Find("gold")!.Fields!.EntriesOf("colour").Single().Value);
        Assert.Equal(S(20), store.Find("gold")!.Policy.RpoTarget);
        // A site of the release before says nothing of policies and is told nothing.
        var answer = await sites.A.Services.GetRequiredService<Exchange>().AnswerAsync("b", new GroupExchange([]), Ct);
        Assert.Null(answer.Policies);
    }

    private static Task ChangeAsync(TestSite site, PolicyChange change) =>
        site.Client.ChangeNamedPolicyAsync("gold", new NamedPolicyChange { Policy = change }, Ct);

    private static async Task<NamedPolicy> UntilAsync(TestSite site, string policy, Func<NamedPolicy, bool> wanted)
    {
        NamedPolicy? last = null;
        await UntilAsync(async () => (last = (await site.Client.PoliciesAsync(Ct))
            .FirstOrDefault(p => p.Name == policy)) is not null && wanted(last), () => $"{site.Name}: {last}");
        return last!;
    }

    private static async Task<Alert> AlertAsync(TestSite site)
    {
        Alert? found = null;
        await UntilAsync(async () => (found = (await site.Client.StatusAsync(Ct)).Alerts
            .FirstOrDefault(a => a.Kind is AlertKind.PolicyConflict)) is not null, () => $"{site.Name}: no alert");
        return found!;
    }

    private static Task GoneAsync(TestSite site, string policy) => UntilAsync(async () =>
        (await site.Client.PoliciesAsync(Ct)).All(p => p.Name != policy), () => $"{site.Name}: still there");

    private static async Task UntilAsync(Func<Task<bool>> holds, Func<string> said)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (!await holds())
        {
            if (TimeProvider.System.GetElapsedTime(since) > Patience) Assert.Fail(said());
            await Task.Delay(100, Ct);
        }
    }

    private static TimeSpan S(int seconds) => TimeSpan.FromSeconds(seconds);
}
