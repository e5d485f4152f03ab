// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Policies;
using Xunit;

namespace Lifeboat.Tests.Policies;

/// <summary>How retention is written, read and refused.</summary>
public sealed class RetentionTests
{
    [Theory]
    [InlineData("4h", "all:4h")]
    [InlineData("04:00:00", "all:4h")]
    [InlineData("all:1h,1m:1d,1h:7d", "all:1h,1m:1d,1h:7d")]
    [InlineData(" all:90s , application:2d, labelled:30d", "all:90s,application:2d,labelled:30d")]
    [InlineData("1m:1h", "1m:1h")]
    public void Rules_are_read_and_written_the_same_way(string text, string canonical)
    {
        var (retention, problems) = Retention.Parse(text);

        Assert.Empty(problems);
        Assert.Equal(canonical, retention!.ToString());
        Assert.Equal(retention, Retention.Parse(canonical).Retention);
        var json = JsonSerializer.Serialize(retention, ContractJson.Options);
        Assert.Equal(retention, JsonSerializer.Deserialize<Retention>(json, ContractJson.Options));
    }

    [Theory]
    [InlineData("", "it is written")]
    [InlineData("all", "it is written")]
    [InlineData("all:soon", "'soon' is not a span")]
    [InlineData("verified:1h", "'verified' is neither")]
    [InlineData("application:7d", "no rule for all points")]
    [InlineData("all:5s", "less than 10 s")]
    [InlineData("all:1h,2d:1d", "slot is longer than 0")]
    [InlineData("all:1h,0s:1d", "slot is longer than 0")]
    [InlineData("all:-1h", "'-1h' is not a span")]
    [InlineData("all:9999999d", "is not a span")]
    public void Nonsense_is_refused_with_its_reason(string text, string reason)
    {
        var (retention, problems) = Retention.Parse(text);

        Assert.Null(retention);
        Assert.Contains(problems, p => p.Contains(reason, StringComparison.Ordinal));
    }

    [Fact]
    public void A_policy_stored_before_there_were_rules_is_read()
    {
        var policy = JsonSerializer.Deserialize<Policy>("""{"retention":"1.12:00:00"}""", ContractJson.Options)!;

        Assert.Equal(Retention.All(TimeSpan.FromHours(36)), policy.Retention);
        Assert.Equal(policy, JsonSerializer.Deserialize<Policy>(
            JsonSerializer.Serialize(policy, ContractJson.Options), ContractJson.Options));
    }

    [Fact]
    public void A_change_touches_what_it_names_and_tells_all_its_faults_at_once()
    {
        var (changed, none) = new PolicyChange { Retention = "all:1h,1m:1d", QuiesceInterval = TimeSpan.FromHours(1) }
            .Applied(Policy.Default);
        Assert.Empty(none);
        Assert.Equal(Policy.Default with { Retention = changed.Retention, QuiesceInterval = TimeSpan.FromHours(1) },
            changed);
        Assert.Null(new PolicyChange { QuiesceInterval = TimeSpan.Zero }.Applied(changed).Policy.QuiesceInterval);

        var (_, problems) = new PolicyChange
        {
            Retention = "all:never,verified:1h", CheckpointInterval = TimeSpan.Zero, RpoTarget = TimeSpan.Zero,
            QuiesceLimit = TimeSpan.FromHours(1),
        }.Applied(Policy.Default);
        Assert.Equal(5, problems.Count);
    }
}
