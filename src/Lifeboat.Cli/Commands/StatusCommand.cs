// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

/// <summary>One screen: can I recover now, to when, how long does it take, what is wrong, and what do I do.</summary>
internal sealed class StatusCommand : LifeboatCommand
{
    private const int GroupsShown = 25, NotesShown = 12, AlertsShown = 8;
    private static readonly TimeSpan ExpiryWarning = TimeSpan.FromDays(30);

    private readonly Option<bool> _all = new("--all")
    {
        Description = $"Every group and alert; else {GroupsShown} groups are shown, those that need somebody first",
    };

    public StatusCommand() : base(null, "status",
        "Can I recover now, to when, how long does it take, what is wrong and what do I do") => Add(_all);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var site = await session.Controller.SiteAsync(ct);
        var status = await session.Controller.StatusAsync(ct);
        var all = parsed.GetValue(_all);
        session.Output.Talk(Summary(status));
        session.Output.Write(new { site, status }, table =>
        {
            table.AddColumns("group", "recover now", "newest point", "would lose", "takes", "proved", "runs at",
                "state", "unsent in", "what to do");
            foreach (var g in status.Groups.Take(all ? int.MaxValue : GroupsShown))
                table.AddRow(g.Group, Answer(g), g.NewestPoint is { } at ? Show.Time(at) : "none",
                    g.Exposure is { } e ? Show.Span(e) : "", g.Proof is { } p ? Show.Span(p.Took) : "not known",
                    Proved(g, status), g.PrimarySite, State(g), g.Outbox is { } o ? GroupTable.Rung(o) : "", g.Advice);
        });
        if (!all && status.Groups.Count > GroupsShown)
            session.Output.Talk($"and {status.Groups.Count - GroupsShown} more groups: lifeboat status --all");
        foreach (var line in status.Groups.SelectMany(Notes).Take(all ? int.MaxValue : NotesShown))
            session.Output.Talk(line);
        foreach (var a in status.Alerts.Take(all ? int.MaxValue : AlertsShown))
            session.Output.Talk($"{Show.Name(a.Severity)} since {Show.Time(a.Since)}: {a.Summary}. {a.Advice}");
        SayOfSite(session, site);
        return ExitCode.Ok;
    }

    private static IEnumerable<string> Notes(GroupStatus group)
    {
        if (GroupTable.Damage(group.Damages) is { } damage)
            yield return $"replica of {group.Group} is damaged: {damage}";
        if (group.Forecast is { } forecast)
            yield return $"{group.Group}: {GroupTable.Forecast(forecast, group.Reason)}";
        else if (group.Detail is { } detail) yield return $"{group.Group}: {detail}";
        if (GroupTable.Unprotected(group.Unprotected, group.Group, group.PrimarySite) is { } disks)
            yield return $"not protected, though its instance is in {group.Group}: {disks}";
        if (group.Drills is { } drills) yield return $"drills of {group.Group}: {GroupTable.Drills(drills)}";
    }

    private static string Summary(StatusInfo status)
    {
        int Count(Recoverable answer) => status.Groups.Count(g => g.Recoverable == answer);
        if (status.Groups.Count == 0) return "no group is protected yet: lifeboat group create";
        return $"{Count(Recoverable.Yes)} of {status.Groups.Count} groups can be recovered now"
            + (Count(Recoverable.Late) is > 0 and var late ? $", {late} to a point older than the RPO target" : "")
            + (Count(Recoverable.No) is > 0 and var no ? $", {no} cannot" : "")
            + (status.Alerts.Count switch { 0 => "", 1 => "; 1 alert is open", var n => $"; {n} alerts are open" });
    }

    private static string Answer(GroupStatus group) => group.Recoverable switch
    {
        Recoverable.No => "no",
        Recoverable.Late => $"late, at {group.RecoverySite}",
        Recoverable.Yes => $"yes, at {group.RecoverySite}",
    };

    // Runs are known where they ran.
    private static string Proved(GroupStatus group, StatusInfo status) => group switch
    {
        { Failed: { } failed } => $"failed {Show.Span(status.At - failed.At)} ago",
        { Proof: { } proof } => $"{Show.Name(proof.Kind)} {Show.Span(status.At - proof.At)} ago",
        _ when group.RecoverySite != status.Site => $"ask {group.RecoverySite}",
        _ => "never",
    };

    private static string State(GroupStatus group) => group.Reason == ReasonCode.None
        ? Show.Name(group.State) : $"{Show.Name(group.State)} ({Show.Name(group.Reason)})";

    private static void SayOfSite(CommandSession session, SiteInfo site)
    {
        foreach (var peer in site.Peers.Where(p => !p.Reachable))
            session.Output.Talk($"site {peer.Name} does not answer at {peer.ControllerUrl} ({Show.Name(peer.Reason)})");
        foreach (var c in site.Certificates.Where(c => c.NotAfter - session.Time.GetUtcNow() < ExpiryWarning))
            session.Output.Talk($"the {c.Role} certificate of site {c.Site} is over at {Show.Time(c.NotAfter)}: "
                + $"lifeboat site rotate-certificates{(c.Role == "ca" ? " --ca" : "")} there");
        if (site.Agent is null)
            session.Output.Talk($"the agent of this site does not answer: {Show.Name(site.AgentReason)}");
    }
}
