// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Groups;

/// <summary>What both sides of a fork hold, for people who have to choose and for the choice `newest`.</summary>
internal sealed class Divergences(LocalSide here, PeerDirectory peers, DivergenceStore store)
{
    // Two clocks are compared, and file systems write times down in steps.
    private static readonly TimeSpan TooClose = TimeSpan.FromSeconds(2);

    /// <exception cref="ProblemException">WrongState: the group has no fork.</exception>
    public async Task<DivergenceInfo> OfAsync(string group, CancellationToken ct)
    {
        var definition = here.Require(group);
        var mine = await here.ChangesAsync(group, ct);
        var theirs = await TheirsAsync(definition, ct);
        SideChanges[] sides = [mine, theirs];
        return new DivergenceInfo
        {
            Group = group,
            Fork = definition.Fork!,
            Notice = store.Of(definition),
            Sides = [.. sides.OrderBy(s => s.Was == "primary" ? 0 : 1)],
        };
    }

    /// <exception cref="ProblemException">Diverged: which is chosen first, by a resolve.</exception>
    public async Task ThrowIfOpenAsync(GroupDefinition group, CancellationToken ct)
    {
        if (group.Fork is not { Loser: null } fork) return;
        var evidence = store.Of(group)?.Evidence ?? await LooksOpenAsync(group, fork, ct);
        if (evidence is null) return;
        throw new ProblemException(ReasonCode.Diverged, $"group {group.Name} has diverged: both sides wrote",
            $"{evidence}. See `lifeboat group divergence {group.Name}`, then choose with "
            + $"`lifeboat group resolve {group.Name} --keep …` at {group.PrimarySite}.");
    }

    /// <exception cref="ProblemException">WrongState: nothing to choose about, or `newest` cannot be told.</exception>
    public async Task<Resolution> ResolutionAsync(GroupDefinition group, ForkChoice choice, CancellationToken ct)
    {
        if (group.Fork is not { Loser: null } fork
            || store.Of(group) is null && await LooksOpenAsync(group, fork, ct) is null)
        {
            throw new ProblemException(ReasonCode.WrongState, $"group {group.Name} is not diverged",
                "There is nothing to choose about; after a failover from a dead site, reprotect or fail back.");
        }
        if (choice is not ForkChoice.Newest) return Resolution.Of(choice, group);
        var mine = await here.LastWrittenAsync(group, ct);
        var theirs = (await TheirsAsync(group, ct)).LastWrittenAt;
        if (mine is not { } a || theirs is not { } b || (a - b).Duration() < TooClose)
        {
            throw new ProblemException(ReasonCode.WrongState,
                $"which side of group {group.Name} is the newest cannot be told",
                $"{here.Name} wrote last at {Said(mine)}, {group.Other(here.Name)} at {Said(theirs)}. "
                + "Name the side: --keep primary or --keep recovery.");
        }
        var winner = a > b ? here.Name : group.Other(here.Name);
        return new Resolution(choice, winner,
            $"newest: {here.Name} wrote last at {Said(a)}, {group.Other(here.Name)} at {Said(b)}");
    }

    // The site that was left may be back since this moment, and not have said yet what it found.
    private async Task<string?> LooksOpenAsync(GroupDefinition group, GroupFork fork, CancellationToken ct)
    {
        try
        {
            var runs = fork.LeftSite == here.Name ? await here.RunsAsync(group.Name, ct)
                : await peers.Side(fork.LeftSite).RunsAsync(group.Name, ct);
            return runs ? $"the instances at {fork.LeftSite} run too" : null;
        }
        catch (ProblemException)
        {
            return null; // a run that needs the other site says better what is wrong with it
        }
    }

    private async Task<SideChanges> TheirsAsync(GroupDefinition group, CancellationToken ct)
    {
        var other = group.Other(here.Name);
        try
        {
            return await peers.Side(other).ChangesAsync(group.Name, ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.PeerUnreachable or ReasonCode.WrongState
            or ReasonCode.GroupUnknown or ReasonCode.SiteUnknown)
        {
            return new SideChanges(other, group.Fork!.EpochOf(other),
                group.Fork.LeftSite == other ? "primary" : "recovery", false, null, ChangesFrom.Nowhere, null, null,
                true, 1, [], e.Message);
        }
    }

    private static string Said(DateTimeOffset? at) => at is { } known ? $"{known:u}" : "a time it cannot tell";
}
