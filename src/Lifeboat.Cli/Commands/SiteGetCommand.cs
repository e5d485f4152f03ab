// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class SiteGetCommand()
    : LifeboatCommand("site", "get", "Show this site, its agent and its paired sites")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var site = await session.Controller.SiteAsync(ct);
        session.Output.WriteFacts(site,
        [
            ("site", site.Name), ("version", site.Version),
            ("controller", $"{site.ControllerUrl}, pid {site.ProcessId}"),
            ("CA fingerprint", site.CaFingerprint),
            ("agent", site.Agent is { } agent
                ? $"{site.LinkAddress}, pid {agent.ProcessId}" : Show.Name(site.AgentReason)),
            .. site.Hosts.Select(h => ($"agent of host {h.Host}", (string?)(h.Agent is { } there
                ? $"{there.LinkAddress}, pid {there.ProcessId}" : Show.Name(h.Reason)))),
            .. site.Peers.Select(p => ("paired with", (string?)
                $"{p.Name} at {p.ControllerUrl}: {(p.Reachable ? "reachable" : Show.Name(p.Reason))}")),
            .. site.Certificates.Select(c =>
                ($"{c.Role} certificate of {c.Site}", (string?)$"until {Show.Time(c.NotAfter)}")),
            ("requests to paired sites", site.PeerRequests.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        ]);
        return ExitCode.Ok;
    }
}
