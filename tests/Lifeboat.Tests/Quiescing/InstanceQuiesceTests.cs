// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Quiescing;
using Lifeboat.Testing.Quiescing;

namespace Lifeboat.Tests.Quiescing;

/// <summary>Steps in order, the ladder, rules as they are stored.</summary>
public sealed class InstanceQuiesceTests : IAsyncDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly List<string> _ran = [];
    private readonly GuestAgentDouble _guest;

    public InstanceQuiesceTests() => _guest = new GuestAgentDouble(TimeProvider.System)
    {
        Run = command =>
        {
            _ran.Add(command.Split('\n')[^1]);
            return command.EndsWith("fail", StringComparison.Ordinal) ? (1, "no") : (0, "ok");
        },
    };

    [Theory]
    [InlineData("ok", true, Consistency.Application, 0)]
    [InlineData("fail", true, Consistency.FileSystem, 1)]   // degrade: the freeze below it still counts
    [InlineData("fail", false, Consistency.Crash, 1)]       // strict: nothing is frozen for it
    public async Task A_script_that_fails_costs_a_rung(string script, bool goOn, Consistency reached, int failed)
    {
        var steps = Steps(script);
        var outcome = await steps.QuiesceAsync(Guid.NewGuid(), TimeSpan.FromSeconds(5), Soon(), goOn, None);
        Assert.Equal((reached, failed), (outcome.Reached, outcome.Failed.Count()));
        Assert.Equal(goOn, _guest.Frozen);

        var thawed = await steps.ThawAsync(Guid.NewGuid(), Soon(), None);

        Assert.False(_guest.Frozen);
        Assert.Equal([script, "thaw"], _ran);
        Assert.Empty(thawed.Unsure);
        Assert.True(thawed.Held);   // of a script that failed nobody asks whether it held
    }

    [Fact]
    public void What_is_wrong_with_rules_is_told_all_at_once()
    {
        QuiesceStep agent = new() { Provider = "qemu-ga", Settings = Of(("guest-timer", "maybe"), ("nonsense", "1")) };
        QuiesceRule rule = new()
        {
            Instance = "db1", Steps = [agent, new() { Provider = "guest-script" }, new() { Provider = "vms" }],
        };
        Assert.Equal(5, QuiesceProviders.Shipped().Problems([rule]).Count());
        QuiesceStep nameless = new() { Provider = "", Limit = TimeSpan.Zero };
        var bad = rule with { Instance = "No", Retries = 99, Order = -1, Steps = [nameless] };
        Assert.Equal(5, bad.Problems().Count());
        Assert.Equal(1 + 2 * 5, new QuiesceRules([bad, bad]).Problems().Count());
    }

    [Fact]
    public void Rules_that_were_stored_are_the_same_rules()
    {
        QuiesceStep step = new() { Provider = "qemu-ga", Settings = Of(("a", "1"), ("b", "2")) };
        var policy = Policy.Default with { Quiesce = new([new() { Instance = "db1", Steps = [step], Retries = 2 }]) };
        var text = JsonSerializer.Serialize(policy, ContractJson.Options);
        var again = JsonSerializer.Deserialize<Policy>(text, ContractJson.Options)!;
        Assert.Equal(policy, again);
        Assert.Contains("\"quiesce\":[{\"instance\":\"db1\"", text, StringComparison.Ordinal);
        var turned = step with { Settings = Of(("b", "2"), ("a", "1")) };
        Assert.Equal(policy.Quiesce, new([new() { Instance = "db1", Steps = [turned], Retries = 2 }]));
        Assert.NotEqual(policy.Quiesce, new([new() { Instance = "db1", Steps = [turned], Retries = 1 }]));
        Assert.Equal(Policy.Default, JsonSerializer.Deserialize<Policy>("{}", ContractJson.Options));
    }

    public ValueTask DisposeAsync() => _guest.DisposeAsync();

    private InstanceQuiesce Steps(string script) => new(QuiesceProviders.Shipped(),
        new QuiesceTarget("db1", _guest.Socket, "", TimeProvider.System),
        [
            new QuiesceStep { Provider = "guest-script", Settings = Of(("quiesce", script), ("thaw", "thaw")) },
            new QuiesceStep { Provider = "qemu-ga" },
        ]);

    private static DateTimeOffset Soon() => TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(5);

    private static IReadOnlyDictionary<string, string> Of(params (string Name, string Value)[] settings) =>
        settings.ToDictionary(s => s.Name, s => s.Value);
}
