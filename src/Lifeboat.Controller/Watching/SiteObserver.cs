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
    private IReadOnlyList<Guid>? _underWay;

    public async Task<Observation> LookAsync(CancellationToken ct)
    {
        var links = new List<LinkStatus>();
        var (main, reason) = await AskAsync(agents.Main.StatusAsync(ct));
        if (main is not null)
            foreach (var peer in peers.All)
                if ((await AskAsync(agents.Main.LinkAsync(peer.Name, ct))).Answer is { } link) links.Add(link);
        return new Observation(time.GetUtcNow(), here.Name, await groups.HereAsync(ct),
            [new HostInfo(AgentConfiguration.DefaultHost, main, reason), .. await agents.FurtherAsync(ct)],
            [.. peers.All.Select(peers.Describe)], links, identity.Certificates(), await RunsAsync(ct));
    }

    private async Task<IReadOnlyList<Run>> RunsAsync(CancellationToken ct)
    {
        var now = await runs.UnfinishedAsync(ct);
        var ended = new List<Run>();
        if (_underWay is null) ended.AddRange((await runs.ListAsync(null, ct)).Where(r => r.Finished));
        foreach (var id in (_underWay ?? []).Except(now.Select(r => r.Id)))
            if (await runs.FindAsync(id, ct) is { } run) ended.Add(run);
        _underWay = [.. now.Select(r => r.Id)];
        return [.. now, .. ended];
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
