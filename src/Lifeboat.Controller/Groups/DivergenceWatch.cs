// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection.Groups;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Groups;

/// <summary>
/// Finds out at the site that was left whether its instances went on writing after the other one took over. Found once
/// it stays known, also when they are stopped later: what they wrote is on the disks.
/// </summary>
internal sealed partial class DivergenceWatch(LocalSide here, GroupStore groups, DivergenceStore divergences,
    ILeases leases, TimeProvider time, ILogger<DivergenceWatch> logger)
{
    /// <exception cref="ProblemException">The first group that could not be looked at; the others were.</exception>
    public async Task LookAsync(CancellationToken ct)
    {
        ProblemException? failed = null;
        foreach (var record in groups.All().Where(r => !r.Removed))
        {
            var group = record.Definition;
            if (group.Fork is not { Loser: null } fork || fork.LeftSite != here.Name) continue;
            if (divergences.Of(group) is not null || !leases.TryHold(LeaseName.Group(group.Name))) continue;
            try
            {
                if (await EvidenceAsync(group, fork, ct) is { } evidence)
                    Keep(new DivergenceNotice(group.Name, fork.Began, here.Name, time.GetUtcNow(), evidence));
            }
            catch (ProblemException e)
            {
                failed ??= e;
            }
        }
        if (failed is not null) throw failed;
    }

    /// <summary>Takes in what a peer found about a group between it and this site.</summary>
    public void Learn(string peer, IEnumerable<DivergenceNotice> notices)
    {
        foreach (var notice in notices)
        {
            if (groups.Find(notice.Group) is not { Removed: false, Definition: var group }) continue;
            var shared = group.PrimarySite == peer || group.RecoverySite == peer;
            if (shared && group.Fork?.Began == notice.Began && divergences.Of(group) is null) Keep(notice);
        }
    }

    public IReadOnlyList<DivergenceNotice> SharedWith(string peer)
    {
        var known = groups.Now();
        return
        [
            .. divergences.All().Where(n =>
                known.GetValueOrDefault(n.Group) is { Removed: false, Definition: var group }
                && (group.PrimarySite == peer || group.RecoverySite == peer)),
        ];
    }

    private async Task<string?> EvidenceAsync(GroupDefinition group, GroupFork fork, CancellationToken ct)
    {
        if (await here.RunsAsync(group.Name, ct))
            return $"the instances at {here.Name} went on in epoch {fork.LeftEpoch} when epoch {fork.Began} began";
        // By two hosts' clocks: where those differ by seconds, so may the answer.
        return await here.LastWrittenAsync(group, ct) is { } last && last > fork.At
            ? $"a disk at {here.Name} was written at {last:u}, after {fork.At:u}, when epoch {fork.Began} began"
            : null;
    }

    private void Keep(DivergenceNotice notice)
    {
        divergences.Save(notice);
        LogDiverged(notice.Group, notice.Evidence);
    }

    [LoggerMessage(EventIds.Diverged, LogLevel.Warning, "Group {Group} has diverged: {Evidence}")]
    private partial void LogDiverged(string group, string evidence);
}
