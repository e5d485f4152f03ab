// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Cli.Commands;

/// <summary>One screen: can I recover now, to when, what is wrong, and what do I do.</summary>
internal sealed class StatusCommand() : LifeboatCommand(null, "status",
    "Can I recover now, to when, and what is wrong")
{
    private static readonly TimeSpan ExpiryWarning = TimeSpan.FromDays(30);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var site = await session.Controller.SiteAsync(ct);
        var groups = await session.Controller.GroupsAsync(ct);
        session.Output.Write(new { site, groups }, table =>
        {
            table.AddColumns("group", "runs at", "recover at", "state", "newest point", "would lose", "unsent in",
                "what to do");
            foreach (var g in groups)
                table.AddRow(g.Definition.Name, g.Definition.PrimarySite, g.Definition.RecoverySite,
                    GroupTable.State(g), GroupTable.Newest(g, session.Time) ?? "none",
                    g.Exposure is { } e ? Show.Span(e) : "", g.Source?.Outbox is { } o ? GroupTable.Rung(o) : "",
                    Advice(g, site.Name));
        });
        foreach (var g in groups.Where(g => g.Replica is { Damages.Count: > 0 }))
            session.Output.Talk($"replica of {g.Definition.Name} is damaged: {GroupTable.Damage(g)}");
        foreach (var g in groups)
            if (g.Source is { Forecast: { } forecast } source)
                session.Output.Talk($"{g.Definition.Name}: {GroupTable.Forecast(forecast, source.Reason)}");
        foreach (var g in groups)
            if (GroupTable.Unprotected(g) is { } disks)
                session.Output.Talk($"not protected, though its instance is in {g.Definition.Name}: {disks}");
        foreach (var peer in site.Peers.Where(p => !p.Reachable))
            session.Output.Talk($"site {peer.Name} does not answer at {peer.ControllerUrl} ({Show.Name(peer.Reason)})");
        foreach (var c in site.Certificates.Where(c => c.NotAfter - session.Time.GetUtcNow() < ExpiryWarning))
            session.Output.Talk($"the {c.Role} certificate of site {c.Site} is over at {Show.Time(c.NotAfter)}: "
                + $"lifeboat site rotate-certificates{(c.Role == "ca" ? " --ca" : "")} there");
        if (site.Agent is null)
            session.Output.Talk($"the agent of this site does not answer: {Show.Name(site.AgentReason)}");
        return ExitCode.Ok;
    }

    private static string Advice(GroupInfo group, string here) => group.State switch
    {
        GroupState.Protected when group.Source?.Unprotected is [{ Problem: null } disk, ..] =>
            $"lifeboat volume protect {group.Definition.Name} {disk.Volume}, at {group.Definition.PrimarySite}",
        GroupState.Protected or GroupState.Initializing or GroupState.Resyncing or GroupState.Reprotecting => "nothing",
        GroupState.FailingOver => "wait for the run",
        GroupState.FailedOver =>
            $"when site {group.Definition.RecoverySite} is back: lifeboat failback {group.Definition.Name} there",
        GroupState.Degraded when group.Definition.RecoverySite == here && group.Reason == ReasonCode.LinkDown =>
            $"if site {group.Definition.PrimarySite} is lost: lifeboat failover {group.Definition.Name}",
        GroupState.Degraded => "it comes back by itself; see the reason",
        GroupState.Suspended when group.Definition.PrimarySite == here =>
            $"nothing, or: lifeboat group resume {group.Definition.Name}",
        GroupState.Suspended => "nothing: it resumes by itself",
        GroupState.Diverged =>
            $"lifeboat group divergence {group.Definition.Name}, then group resolve at {group.Definition.PrimarySite}",
        GroupState.Error => "see the reason and the logs",
    };
}
