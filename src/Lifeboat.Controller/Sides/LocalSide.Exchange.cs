// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Peers;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Sides;

internal sealed partial class LocalSide
{
    /// <summary>Takes over what a peer knows newer about groups that it shares with this site.</summary>
    public async Task LearnAsync(string peer, GroupExchange theirs, CancellationToken ct)
    {
        foreach (var record in theirs.Groups)
        {
            var group = record.Definition;
            if (!IsShared(group, peer) || group.Problems().Any()) continue;
            if (!group.Supersedes(groups.Find(group.Name)?.Definition)) continue;
            try
            {
                if (record.Removed) await RemoveGroupAsync(group, ct);
                else await SetGroupAsync(group, ct);
            }
            catch (ProblemException e) when (e.Reason is ReasonCode.StaleEpoch)
            {
                // It became older between the look and the lock.
            }
        }
    }

    /// <exception cref="ProblemException">NotAllowed, GroupExists: not between that peer and this site.</exception>
    public void ThrowUnlessShared(string peer, GroupDefinition group)
    {
        if (IsShared(group, peer)) return;
        throw groups.Find(group.Name) is { Removed: false }
            ? new ProblemException(ReasonCode.GroupExists, $"site {name} has another group {group.Name}")
            : new ProblemException(ReasonCode.NotAllowed, $"group {group.Name} is not between {peer} and {name}");
    }

    // A peer speaks only of groups between it and this site, and must not take one away from another peer.
    private bool IsShared(GroupDefinition group, string peer)
    {
        var sites = new HashSet<string> { group.PrimarySite, group.RecoverySite };
        var known = groups.Find(group.Name)?.Definition;
        return sites.SetEquals([peer, name])
            && (known is null || sites.SetEquals([known.PrimarySite, known.RecoverySite]));
    }
}
