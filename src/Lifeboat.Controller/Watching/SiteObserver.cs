// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Protection;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Watching;

/// <summary>Looks at everything of this site once. Asks its own agents, never another site.</summary>
internal sealed class SiteObserver(LocalSide here, GroupOverview groups, SiteAgents agents, PeerDirectory peers,
    SiteIdentity identity, IRunStore runs, TimeProvider time)
{
    // One that hangs is ended by its watchdog.
    private static readonly TimeSpan AgentLimit = TimeSpan.FromSeconds(3);

    // Clocks of a site's controllers differ, and the database may have been told late.
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(1);

    private readonly HashSet<(Guid Run, DateTimeOffset? End)> _told = [];
    private static readonly TimeSpan ToldAgainFor = TimeSpan.FromMinutes(10);
    private DateTimeOffset? _lookedAt, _before;
    private IReadOnlyList<Guid> _underWay = [];

    public async Task<Observation> LookAsync(CancellationToken ct)
    {
        var isFirst = _lookedAt is null;
        var links = new List<LinkStatus>();
        var (main, reason) = await AskAsync(agents.Main.StatusAsync(ct));
        if (main is not null)
            foreach (var peer in peers.All)
                if ((await AskAsync(agents.Main.LinkAsync(peer.Name, ct))).Answer is { } link) links.Add(link);
        var totals = await Task.WhenAll(agents.Hosts.Select(h => TotalsAsync(h, ct)));
        return new Observation(time.GetUtcNow(), here.Name, await groups.HereAsync(ct),
            [new HostInfo(AgentConfiguration.DefaultHost, main, reason), .. await agents.FurtherAsync(ct)],
            [.. peers.All.Select(peers.Describe)], links, identity.Certificates(), await RunsAsync(ct))
        {
            IsFirst = isFirst,
            Totals = [.. totals.SelectMany(t => t)],
        };
    }

    /// <summary>
    /// Somebody could not make anything of the look: the runs that it saw end are news in the next one too. Who could
    /// sees them twice.
    /// </summary>
    public void TellAgain(Observation seen)
    {
        foreach (var run in seen.Runs) _told.Remove((run.Id, run.FinishedAt));
        // What is not understood for so long is not news any more; looks must not see more and more of it.
        _lookedAt = _before > seen.At - ToldAgainFor ? _before : seen.At - ToldAgainFor;
    }

    /// <summary>The next look is as the first one.</summary>
    public void Forget() => _lookedAt = null;

    private async Task<IReadOnlyList<GroupTotals>> TotalsAsync(string host, CancellationToken ct) =>
        (await AskAsync(agents.SoonAsync(host, AgentLimit, t => agents.Of(host).TotalsAsync(t), ct))).Answer ?? [];

    // By their end, and not only as those that were under way at the look before: a drill of two seconds begins and
    // ends between two looks.
    private async Task<IReadOnlyList<Run>> RunsAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var open = await runs.UnfinishedAsync(ct);
        var ended = new List<Run>();
        if (_lookedAt is not { } before)
        {
            _told.Clear();
            ended.AddRange((await runs.ListAsync(null, ct)).Where(r => r.Finished));
        }
        else
        {
            ended.AddRange(await runs.EndedSinceAsync(null, before - Overlap, ct));
            foreach (var id in _underWay.Except(ended.Concat(open).Select(r => r.Id)).ToList())
                if (await runs.FindAsync(id, ct) is { Finished: true } run) ended.Add(run);
            _told.RemoveWhere(t => t.End < before - Overlap);
        }
        var known = open.Select(r => r.Id).ToList();
        (_before, _lookedAt, _underWay) = (_lookedAt, now, known);
        return [.. open, .. ended.Where(r => !known.Contains(r.Id) && _told.Add((r.Id, r.FinishedAt)))];
    }

    // One that does not answer is a finding, not a failure of the look.
    private static async Task<(T? Answer, ReasonCode Reason)> AskAsync<T>(Task<T> question) where T : class
    {
        try
        {
            return (await question, ReasonCode.None);
        }
        catch (ProblemException e)
        {
            return (null, e.Reason);
        }
    }
}
