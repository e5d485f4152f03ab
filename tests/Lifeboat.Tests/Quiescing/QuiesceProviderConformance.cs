// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Quiescing;

namespace Lifeboat.Tests.Quiescing;

/// <summary>The acceptance checks on one provider; a provider's test says how it is opened.</summary>
public abstract class QuiesceProviderConformance
{
    /// <summary>A new object, as another process would make one.</summary>
    /// <param name="added">Settings beside those that the test gives it.</param>
    protected abstract IQuiesceProvider Open(IReadOnlyDictionary<string, string> added);

    protected static IReadOnlyDictionary<string, string> Join(
        IReadOnlyDictionary<string, string> added, params (string Name, string Value)[] settings) =>
        settings.Select(s => KeyValuePair.Create(s.Name, s.Value)).Concat(added).ToDictionary();

    [Fact]
    public async Task It_does_what_every_provider_must()
    {
        var results = await ProviderAcceptance.RunAsync(Open, TimeSpan.FromSeconds(5), TimeProvider.System,
            TestContext.Current.CancellationToken);
        Assert.Equal(ProviderAcceptance.Checks.Count, results.Count);
        Assert.Empty(results.Where(r => r.Problem is not null).Select(r => $"{r.Check}: {r.Problem}"));
    }
}
