// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Groups;

/// <summary>Ends protection at both sites: the instances stay as they are, source and replica go.</summary>
internal sealed class GroupRemoval(LocalSide here, PeerDirectory peers, IRunStore runs,
    EditWriter writer, TimeProvider time)
{
    public async Task RemoveAsync(string group, CancellationToken ct)
    {
        var definition = here.Require(group);
        if ((await runs.UnfinishedAsync(ct)).FirstOrDefault(r => r.Group == group) is { } run)
        {
            throw new ProblemException(ReasonCode.RunInProgress, $"group {group} has a run under way",
                $"{run.Kind} {run.Id}; cancel it or wait for its end.");
        }
        var removed = GroupMerging.Removed(definition, writer.Name, time.GetUtcNow()) with
        {
            Version = definition.Version + 1,
        };
        await here.RemoveGroupAsync(removed, ct);
        var other = definition.Other(here.Name);
        if (!peers.Knows(other)) return;
        try
        {
            await peers.Side(other).RemoveGroupAsync(removed, ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.PeerUnreachable or ReasonCode.StaleEpoch)
        {
            // It is kept as deleted here; the exchange tells the other site when it is back. What it knows newer wins.
        }
    }
}
