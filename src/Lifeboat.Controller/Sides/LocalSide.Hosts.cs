// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Sides;

// Which agent of this site is the source of a group, and how that changes.
//
//   the definition counts one more move, durably ─► whoever has the source hands it over ──► (the instance moves)
//                                                    │ it does not answer                        │
//                                                    ▼                                           ▼
//                              the recovery site is told of the move, or nothing is done    the next takes it over
//
// Invariant: whoever is given a source was moved to more often than all who had it before, and the last of those has
// either let go of it or is refused by the recovery site. So two agents never ship into one replica, whichever of them
// comes back when.
internal sealed partial class LocalSide
{
    // A group's agent may be busy starting; one that hangs must not keep an instance from leaving its host.
    private static readonly TimeSpan HandOverLimit = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ReturnLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan TakeOverLimit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan HandOverAgain = TimeSpan.FromMilliseconds(500);

    /// <summary>The host whose agent is the source of the group, as it was put last.</summary>
    public string HostOf(string group) => specs.Source(group)?.Spec.Host ?? AgentConfiguration.DefaultHost;

    /// <summary>The agent that is the source of the group.</summary>
    public AgentClient SourceAgent(string group) => agents.Of(HostOf(group));

    /// <summary>
    /// Moves a running instance to another host by <paramref name="move"/>, its group's source with it. Whatever comes
    /// of the move, the source goes on where the instance then is.
    /// </summary>
    /// <exception cref="ProblemException">
    /// Conflict: its group has members at that host that stay; PeerUnreachable: neither the agent that has the source
    /// nor the recovery site answers, so that it cannot be taken away safely; or as the move was refused.
    /// </exception>
    public async Task MoveInstanceAsync(string group, Func<Task> move, CancellationToken ct)
    {
        using var alone = await locks.EnterAsync(group, ct);
        if (specs.Source(group) is not { Active: true } source)
        {
            await move();
            return;
        }
        var handed = await TakeAwayAsync(source.Spec, ct);
        try
        {
            await move();
        }
        catch
        {
            await GiveBackAsync(source.Spec, handed);
            throw;
        }
        await GiveAsync(source.Spec, handed, ct);
    }

    // Not with the caller's token: who hangs up must not leave the group without a source.
    private async Task GiveBackAsync(SourceSpec had, HandOver? handed)
    {
        try
        {
            await GiveAsync(had, handed, CancellationToken.None);
        }
        catch (ProblemException e)
        {
            // The loop that keeps the desired state tries again; the caller hears why the move failed.
            LogNotGiven(had.Group, e.Reason, e.Message);
        }
    }

    /// <summary>The group's instance was moved by somebody else: its source follows.</summary>
    public async Task FollowAsync(string group, CancellationToken ct)
    {
        using var alone = await locks.EnterAsync(group, ct);
        if (specs.Source(group) is { Active: true } source)
            await PutSourceAsync(await RefreshedAsync(source.Spec, ct), ct);
    }

    /// <summary>Puts a source where its instances are; that may be at another agent than before.</summary>
    private async Task PutSourceAsync(SourceSpec spec, CancellationToken ct)
    {
        if (specs.Source(spec.Group) is { Active: true } before && before.Spec.Host != spec.Host)
        {
            await GiveAsync(before.Spec, await TakeAwayAsync(before.Spec, ct), ct);
            return;
        }
        await agents.Of(spec.Host).PutSourceAsync(spec, ct);
        specs.SaveSource(spec, active: true);
    }

    /// <returns>What the agent gave; null: it did not answer and is refused by the recovery site from now on.</returns>
    private async Task<HandOver?> TakeAwayAsync(SourceSpec had, CancellationToken ct)
    {
        var now = Require(had.Group);
        var next = now with { Version = now.Version + 1, SourceMoves = now.SourceMoves + 1 };
        groups.Save(new GroupRecord(next, Removed: false));
        var asked = time.GetTimestamp();
        while (true)
        {
            try
            {
                return await agents.SoonAsync(
                    had.Host, HandOverLimit, t => agents.Of(had.Host).HandOverAsync(had.Group, t), ct);
            }
            catch (ProblemException e) when (e.Reason is ReasonCode.AgentUnreachable or ReasonCode.HostUnknown)
            {
                // One that was just killed is back in a moment.
                if (time.GetElapsedTime(asked) < ReturnLimit && e.Reason is not ReasonCode.HostUnknown)
                {
                    await Task.Delay(HandOverAgain, time, ct);
                    continue;
                }
                LogNotHandedOver(had.Group, had.Host, e.Message);
                break;
            }
        }
        await TellOfMoveAsync(next, had.Host, ct);
        return null;
    }

    // The agent may come back at any moment and ship what it last knew, as if the instance were still there.
    private async Task TellOfMoveAsync(GroupDefinition next, string host, CancellationToken ct)
    {
        try
        {
            await peers.Side(next.RecoverySite).SetGroupAsync(next, ct);
        }
        catch (ProblemException e)
        {
            throw new ProblemException(e.Reason,
                $"the agent of host {host} does not answer, and site {next.RecoverySite} cannot be told to refuse it",
                $"{e.Message}. The source of {next.Name} stays where it is until one of them answers.", cause: e);
        }
    }

    private async Task GiveAsync(SourceSpec had, HandOver? handed, CancellationToken ct)
    {
        var spec = (await RefreshedAsync(had, ct)) with { Moves = Require(had.Group).SourceMoves };
        // First: from here on the loop that keeps the desired state puts it there, should the agent not answer now.
        specs.SaveSource(spec, active: true);
        await agents.SoonAsync(spec.Host, TakeOverLimit,
            t => agents.Of(spec.Host).TakeOverAsync(new TakeOver(spec, handed?.MapBasis), t), ct);
        LogMoved(spec.Group, had.Host, spec.Host, spec.Moves, handed is not null);
    }

    /// <summary>Ends sources that an agent has and should not: they were moved away while it did not answer.</summary>
    public async Task DropStraysAsync(string host, IReadOnlyList<string> sources, CancellationToken ct)
    {
        var now = specs.Now();
        foreach (var group in sources.Where(g => now.Source(g) is { } known && known.Spec.Host != host
            || now.Source(g) is null && host != AgentConfiguration.DefaultHost))
        {
            using var alone = locks.TryEnter(group);
            if (alone is null || HostOf(group) == host && specs.Source(group) is not null) continue;
            await agents.Of(host).DeleteSourceAsync(group, uninstall: false, ct);
            LogStray(group, host);
        }
    }

    // One group has one stream, at one agent.
    private static string HostOf(GroupDefinition group, Dictionary<string, SiteInstance> instances)
    {
        var hosts = instances.Values.Select(i => i.Host).Distinct(StringComparer.Ordinal).ToList();
        return hosts.Count == 1 ? hosts[0] : throw new ProblemException(ReasonCode.Conflict,
            $"the instances of group {group.Name} run at hosts {string.Join(", ", hosts)}",
            "A group has one agent. Make one group a host, of one application: it shares cuts over all of them.");
    }

    [LoggerMessage(EventIds.SourceNotHandedOver, LogLevel.Warning,
        "The agent of {Host} did not hand the source of {Group} over: {Reason}")]
    private partial void LogNotHandedOver(string group, string host, string reason);

    [LoggerMessage(EventIds.SourceNotGiven, LogLevel.Warning,
        "The source of {Group} could not be given back at once: {Reason}: {Message}")]
    private partial void LogNotGiven(string group, ReasonCode reason, string message);

    [LoggerMessage(EventIds.SourceMoved, LogLevel.Information,
        "The source of {Group} went from {From} to {To} (move {Moves}); handed over: {HandedOver}")]
    private partial void LogMoved(string group, string from, string to, long moves, bool handedOver);

    [LoggerMessage(EventIds.StraySource, LogLevel.Warning,
        "The agent of {Host} had a source of {Group} that was moved away from it; it was ended")]
    private partial void LogStray(string group, string host);
}
