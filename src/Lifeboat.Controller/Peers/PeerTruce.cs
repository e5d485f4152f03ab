// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Peers;

/// <summary>
/// While an unplanned failover leaves a site, nothing here asks that site for anything (I11): not the exchange of
/// definitions, not a status.
/// </summary>
internal sealed class PeerTruce(IRunStore runs)
{
    public async Task<bool> HoldsAsync(string site, CancellationToken ct) =>
        Holds(site, await runs.UnfinishedAsync(ct));

    /// <param name="unfinished">Runs that are under way here.</param>
    public static bool Holds(string site, IReadOnlyList<Run> unfinished) =>
        unfinished.Any(r => r.Kind is RunKind.Failover && r.OtherSite == site);
}
