// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>Named policies, groups that follow them, and the plans of groups.</summary>
public sealed class NamedPolicyTests
{
    [Fact]
    public async Task Groups_follow_a_policy_but_for_what_is_their_own()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        var client = sites.A.Client;
        await client.CreatePolicyAsync(new() { Name = "gold", Policy = new() { RpoTarget = S(20) } }, Ct);

        var follows = await client.ChangePolicyAsync("shop", new PolicyChange { Follow = "gold" }, Ct);
        Assert.Equal(S(20), follows.Definition.Policy.RpoTarget);
        await client.ChangePolicyAsync("shop", new PolicyChange { RtoTarget = S(60) }, Ct);
        await client.ChangeNamedPolicyAsync("gold",
            new() { Policy = new() { RpoTarget = S(30), RtoTarget = S(600) } }, Ct);

        var now = (await client.GroupAsync("shop", Ct)).Definition;
        Assert.Equal((S(30), S(60)), (now.Policy.RpoTarget, now.Policy.RtoTarget));
        Assert.Equal(["rtoTarget"], now.Follows!.Own);
        Assert.Equal(now.Policy, sites.A.Agent.SourceSpec("shop")!.Policy);
        // What a recovery goes by is at the other site, which has no such policy.
        Assert.Equal(now.Policy, (await sites.B.Client.GroupAsync("shop", Ct)).Definition.Policy);
        Assert.Equal(["shop"], (await client.PolicyAsync("gold", Ct)).Groups);
        await RefusedAsync(ReasonCode.Conflict, () => client.DeletePolicyAsync("gold", Ct));

        var back = await client.ChangePolicyAsync("shop", new PolicyChange { Inherit = ["rtoTarget"] }, Ct);
        Assert.Equal(S(600), back.Definition.Policy.RtoTarget);
        await client.ChangePolicyAsync("shop", new PolicyChange { Follow = "" }, Ct);
        await client.DeletePolicyAsync("gold", Ct);
        Assert.Equal(S(30), (await client.GroupAsync("shop", Ct)).Definition.Policy.RpoTarget);
    }

    [Fact]
    public async Task A_policy_that_would_break_a_group_is_refused_and_names_it()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        var client = sites.A.Client;
        await client.CreatePolicyAsync(new CreatePolicyRequest { Name = "gold" }, Ct);
        await client.ChangePolicyAsync("shop", new PolicyChange { Follow = "gold" }, Ct);
        await client.ChangePolicyAsync("shop", new PolicyChange { SharedInterval = S(60) }, Ct);

        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () => client.ChangeNamedPolicyAsync("gold", new()
        {
            Policy = new() { Source = ChangeSource.Bitmap, RpoTarget = S(120), Follow = "silver" },
        }, Ct));
        Assert.Equal(2, refused.Errors!.Count);
        Assert.Contains(refused.Errors,
            e => e.StartsWith("group shop: policy.sharedInterval", StringComparison.Ordinal));
        Assert.Equal(1, (await client.PolicyAsync("gold", Ct)).Version);
        var unknown = await RefusedAsync(ReasonCode.InvalidRequest, () => client.ChangePolicyAsync("shop",
            new PolicyChange { Follow = "none", Inherit = ["colour"] }, Ct));
        Assert.Equal(2, unknown.Errors!.Count);
        await RefusedAsync(ReasonCode.PolicyUnknown, () => client.PolicyAsync("none", Ct));
    }

    [Fact]
    public async Task A_group_whose_agent_is_away_follows_when_it_is_back()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        var client = sites.A.Client;
        await client.CreatePolicyAsync(new CreatePolicyRequest { Name = "gold" }, Ct);
        await client.ChangePolicyAsync("shop", new PolicyChange { Follow = "gold" }, Ct);
        await sites.A.StopAgentAsync();

        await client.ChangeNamedPolicyAsync("gold", new() { Policy = new() { RpoTarget = S(33) } }, Ct);
        await UntilAsync(sites.B, g => g.Definition.Policy.RpoTarget == S(33));
    }

    [Fact]
    public async Task A_plan_is_a_part_of_the_definition_and_all_its_faults_are_told()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () => sites.A.Client.ChangePlanAsync("shop", new()
        {
            BootOrder = new Dictionary<string, int> { ["db1"] = -1, ["web1"] = 0 }, Checks = ["tcp:0", "web1/boot:9"],
        }, Ct));
        Assert.Equal(["#/bootOrder/db1", "#/bootOrder/web1", "#/checks/0", "#/checks/1"],
            refused.Faults!.Select(f => f.Pointer));

        PlanChange change = new() { BootOrder = new Dictionary<string, int> { ["db1"] = 7 }, Checks = ["boot:90"] };
        await sites.A.Client.ChangePlanAsync("shop", change, Ct);
        var version = (await sites.A.Client.GroupAsync("shop", Ct)).Definition.Version;
        await sites.A.Client.ChangePlanAsync("shop", change, Ct);
        Assert.Equal(version, (await sites.A.Client.GroupAsync("shop", Ct)).Definition.Version);
        var there = (await sites.B.Client.PlansAsync(Ct)).Single();
        Assert.Equal(("shop", 7, "boot:90"), (there.Group, there.BootOrder["db1"], there.Checks.Single()));
        await RefusedAsync(ReasonCode.WrongSite, () => sites.B.Client.ChangePlanAsync("shop", change, Ct));
    }

    [Fact]
    public async Task An_edit_that_came_too_late_is_refused_and_not_lost_without_a_word()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        var (groups, edits) = (sites.A.Services.GetRequiredService<GroupStore>(),
            sites.A.Services.GetRequiredService<GroupEdits>());
        var read = groups.Find("shop")!.Definition;
        // As a move of its instance to another host counts itself, which is no edit and takes no turn with them.
        groups.Save(new(read with { Version = read.Version + 1, SourceMoves = 1 }, Removed: false));
        await RefusedAsync(ReasonCode.PreconditionFailed,
            () => edits.SaveAsync(read, read with { Checks = ["boot:9"] }, [], Ct));
        Assert.Equal(1, groups.Find("shop")!.Definition.SourceMoves);
    }

    private static TimeSpan S(int seconds) => TimeSpan.FromSeconds(seconds);
}
