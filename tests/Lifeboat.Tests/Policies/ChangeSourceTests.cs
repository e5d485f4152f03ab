// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Policies;
using Xunit;

namespace Lifeboat.Tests.Policies;

/// <summary>How a group's source of changes is chosen and refused.</summary>
public sealed class ChangeSourceTests
{
    private static readonly Policy Moments = Policy.Default with
    {
        Source = ChangeSource.Bitmap, SourcePeriod = TimeSpan.FromMinutes(1), RpoTarget = TimeSpan.FromMinutes(2),
    };

    [Theory]
    [InlineData(ChangeSource.Continuous, 1)]
    [InlineData(ChangeSource.Bitmap, 2)]
    public void Numbers_never_change(ChangeSource source, int number) => Assert.Equal(number, (int)source);

    [Fact]
    public void A_policy_of_before_captures_writes_and_one_of_moments_is_read_as_it_was_written()
    {
        Assert.Equal(ChangeSource.Continuous,
            JsonSerializer.Deserialize<Policy>("{}", ContractJson.Options)!.Source);
        var json = JsonSerializer.Serialize(Moments, ContractJson.Options);
        Assert.Contains("\"bitmap\"", json);
        Assert.Equal(Moments, JsonSerializer.Deserialize<Policy>(json, ContractJson.Options));
        Assert.Empty(Moments.Problems());
    }

    [Fact]
    public void All_that_is_wrong_is_told_at_once()
    {
        var problems = (Moments with
        {
            SourcePeriod = TimeSpan.FromDays(40), SharedInterval = TimeSpan.FromMinutes(1),
        }).Problems().ToList();
        Assert.Equal(3, problems.Count);
        Assert.Contains(problems, p => p.Contains("allowed is 1 s to 31 days", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Contains("could never be met", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Contains("policy.sharedInterval", StringComparison.Ordinal));
        Assert.Single((Policy.Default with { SourcePeriod = TimeSpan.Zero }).Problems());
    }

    [Theory]
    [InlineData(MomentTrigger.Periodic, 1)]
    [InlineData(MomentTrigger.OnRequest, 2)]
    [InlineData(MomentTrigger.OnShutdown, 3)]
    public void Numbers_of_triggers_never_change(MomentTrigger trigger, int number) =>
        Assert.Equal(number, (int)trigger);

    [Fact]
    public void Moments_that_nobody_can_foretell_promise_no_rpo()
    {
        var asked = Moments with { SourceTrigger = MomentTrigger.OnRequest, RpoTarget = TimeSpan.FromSeconds(1) };
        Assert.Empty(asked.Problems());
        Assert.Null(asked.PromisedRpo());
        Assert.Equal(Moments.RpoTarget, Moments.PromisedRpo());
        Assert.True(asked.CanFollow(Moments));
        Assert.Contains("policy.sourceTrigger", Assert.Single(
            (Policy.Default with { SourceTrigger = MomentTrigger.OnShutdown }).Problems()));
        var (policy, none) = new PolicyChange { SourceTrigger = MomentTrigger.OnShutdown }.Applied(Moments);
        Assert.Empty(none);
        Assert.Equal(MomentTrigger.OnShutdown, policy.SourceTrigger);
    }

    [Fact]
    public void Another_period_is_taken_over_as_it_runs_and_another_source_is_another_one()
    {
        Assert.True((Moments with { SourcePeriod = TimeSpan.FromMinutes(2) }).CanFollow(Moments));
        Assert.False(Moments.CanFollow(Policy.Default));
        var change = new PolicyChange { Source = ChangeSource.Bitmap, SourcePeriod = TimeSpan.FromMinutes(5) };
        var (_, problems) = change.Applied(Policy.Default);
        Assert.Contains("policy.rpoTarget", Assert.Single(problems));
        var (policy, none) = (change with { RpoTarget = TimeSpan.FromMinutes(10) }).Applied(Policy.Default);
        Assert.Empty(none);
        Assert.Equal((ChangeSource.Bitmap, TimeSpan.FromMinutes(5)), (policy.Source, policy.SourcePeriod));
    }
}
