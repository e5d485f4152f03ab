// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites;

namespace Lifeboat.Tests.Sites;

/// <summary>Inherited once per driver and by the double: each must pass what an operator can run on a real
/// site.</summary>
public abstract class SiteConformance
{
    public static TheoryData<string> Names => [.. SiteAcceptance.Checks.Select(c => c.Name)];

    /// <summary>A site of its own for one check, and what to try it with; skips where the machine cannot.</summary>
    protected abstract (ISite Site, SiteTrial Trial) Open();

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Site_passes(string check)
    {
        var ct = TestContext.Current.CancellationToken;
        var (site, trial) = Open();
        try
        {
            Assert.Null(await SiteAcceptance.Checks.Single(c => c.Name == check).RunAsync(site, trial, ct));
        }
        finally
        {
            // A real site may run other people's instances.
            foreach (var left in await site.ListAsync(CancellationToken.None))
                if (left.Name.StartsWith(trial.Start.Instance, StringComparison.Ordinal))
                    await site.RemoveAsync(left.Name, CancellationToken.None);
        }
    }
}
