// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Demo;

internal sealed partial class Story
{
    private const double UsageLimit = 0.01;

    /// <summary>What both sites have metered in the story, beside what the counters of their agents say.</summary>
    private async Task AccountAsync(CancellationToken ct)
    {
        // The guest writes on: the ledger is behind by a look (5 s) at most, so the counters are read first.
        long captured = 0, wire = 0, usedCaptured = 0, usedWire = 0;
        foreach (var site in new[] { _a, _b })
        {
            using var agent = new AgentClient(new SitePaths(site.Directory).AgentSocket);
            foreach (var group in await agent.TotalsAsync(ct))
                (captured, wire) = (captured + group.Totals.CapturedBytes, wire + group.Totals.WireBytes);
        }
        await Task.Delay(TimeSpan.FromSeconds(6), time, ct);
        double drills = 0, recovery = 0, protectedHours = 0;
        foreach (var site in new[] { _a, _b })
        {
            var total = (await site.AskAsync<UsageReport>(["usage", "report"], ct)).Total;
            (usedCaptured, usedWire) = (usedCaptured + total.ChangedBytes, usedWire + total.WireBytes);
            (drills, recovery) = (drills + total.DrillInstanceHours, recovery + total.RecoveryInstanceHours);
            protectedHours += total.ProtectedGibHours;
        }
        var after = 0L;
        foreach (var site in new[] { _a, _b })
        {
            using var agent = new AgentClient(new SitePaths(site.Directory).AgentSocket);
            after += (await agent.TotalsAsync(ct)).Sum(t => t.Totals.CapturedBytes);
        }
        ledger.Prove("usage of both sites adds up to the agents' counters",
            usedCaptured >= captured * (1 - UsageLimit) && usedCaptured <= after * (1 + UsageLimit)
                && usedWire >= wire * (1 - UsageLimit),
            $"written {Mib(usedCaptured)} by usage, {Mib(captured)} before and {Mib(after)} after by counters; "
            + $"wire {Mib(usedWire)}, {Mib(wire)} before; protected {protectedHours:0.0000} GiB h, instances "
            + $"{drills * 60:0.0} min in drills, {recovery * 60:0.0} min in recovery");
    }
}
