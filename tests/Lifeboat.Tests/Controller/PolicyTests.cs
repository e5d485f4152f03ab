// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;
using Xunit;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>A policy is edited where the group runs and goes to both agents; nothing is made anew.</summary>
public sealed class PolicyTests
{
    private static readonly PolicyChange Change = new()
    {
        Retention = "all:1h,1m:1d,1h:7d", CheckpointInterval = TimeSpan.FromSeconds(5),
        QuiesceInterval = TimeSpan.FromHours(1), QuiesceLabel = "hourly",
    };

    [Fact]
    public async Task A_changed_policy_reaches_both_agents_and_no_replica_is_made_anew()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);

        var group = await sites.A.Client.ChangePolicyAsync("shop", Change, Ct);

        Assert.Equal("all:1h,1m:1d,1h:7d", group.Definition.Policy.Retention.ToString());
        Assert.Equal(group.Definition.Policy, sites.A.Agent.SourceSpec("shop")!.Policy);
        Assert.Equal(group.Definition.Policy.Retention, sites.B.Agent.ReplicaSpec("shop")!.Retention);
        Assert.Equal(group.Definition.Policy, (await sites.B.Client.GroupAsync("shop", Ct)).Definition.Policy);
        Assert.Equal(1, sites.B.Agent.ReplicasMade);
        Assert.Equal(Epoch.First, group.Definition.Epoch);
    }

    [Fact]
    public async Task A_site_that_was_away_learns_of_the_change_when_it_is_back()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        await sites.B.StopControllerAsync();

        var changed = (await sites.A.Client.ChangePolicyAsync("shop", Change, Ct)).Definition.Policy;
        await sites.B.StartControllerAsync();

        await UntilAsync(sites.B, g => g.Definition.Policy == changed
            && sites.B.Agent.ReplicaSpec("shop")!.Retention.Equals(changed.Retention));
    }

    [Fact]
    public async Task How_an_instance_is_brought_to_rest_is_changed_and_changed_back()
    {
        await using var sites = await TwoSites.StartAsync();
        var instance = (await sites.ProtectAsync()).Definition.Members[0].Instance;
        QuiesceRule rule = new() { Instance = instance, Order = 3, Steps = [new() { Provider = "qemu-ga" }] };

        await sites.A.Client.ChangePolicyAsync("shop", new PolicyChange { QuiesceRules = [rule] }, Ct);
        Assert.Equal(3, sites.A.Agent.SourceSpec("shop")!.Policy.Quiesce.Of(instance).Order);
        var other = rule with { Instance = "stranger", Steps = [new() { Provider = "vms" }] };
        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () => sites.A.Client.ChangePolicyAsync("shop",
            new PolicyChange { QuiesceRules = [other] }, Ct));
        Assert.Equal(2, refused.Errors!.Count);
        var back = await sites.A.Client.ChangePolicyAsync("shop",
            new PolicyChange { QuiesceDefaults = [instance] }, Ct);
        Assert.Equal(Policy.Default, back.Definition.Policy);
    }

    [Fact]
    public async Task All_faults_are_told_at_once_and_nothing_changes()
    {
        await using var sites = await TwoSites.StartAsync();
        var before = (await sites.ProtectAsync()).Definition;

        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () => sites.A.Client.ChangePolicyAsync("shop",
            new PolicyChange { Retention = "verified:1h,all:never", CheckpointInterval = TimeSpan.Zero }, Ct));
        Assert.Equal(3, refused.Errors!.Count);
        await RefusedAsync(ReasonCode.WrongSite, () => sites.B.Client.ChangePolicyAsync("shop", Change, Ct));
        await RefusedAsync(ReasonCode.GroupUnknown, () => sites.A.Client.ChangePolicyAsync("nope", Change, Ct));

        var now = (await sites.A.Client.GroupAsync("shop", Ct)).Definition;
        Assert.Equal((before.Version, before.Policy), (now.Version, now.Policy));
        Assert.Equal(Policy.Default, now.Policy);
    }
}
