// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Alerts;

/// <summary>What is worth an alert, from what the site knows. Pure: what was before is in the look before.</summary>
internal static class AlertRules
{
    private const double NearlyFull = 0.8;
    private static readonly TimeSpan ExpiryWarning = TimeSpan.FromDays(30);
    private static readonly TimeSpan ExpiryAlarm = TimeSpan.FromDays(3);
    private static readonly TimeSpan StallMemory = TimeSpan.FromMinutes(10);

    public static IReadOnlyList<Condition> Of(Observation now, Observation? before) =>
    [
        .. now.Groups.SelectMany(g => GroupRules.Of(now, g)),
        .. now.Peers.SelectMany(p => Peers(now, p)),
        .. now.Links.SelectMany(Paths),
        .. now.Agents.SelectMany(a => Agents(a, before)),
        .. now.Certificates.SelectMany(c => Certificates(now, c)),
    ];

    private static IEnumerable<Condition> Peers(Observation now, PeerInfo peer)
    {
        if (peer.Reachable || peer.Requests == 0) yield break;
        var since = peer.LastSeen is { } seen ? $"it answered last at {seen:u}" : "it has not answered yet";
        yield return new Condition(AlertKind.SiteUnreachable, AlertSeverity.Warning, peer.Name, peer.Reason,
            $"the controller of site {peer.Name} does not answer at {peer.ControllerUrl}; {since}",
            $"Look whether site {peer.Name} lives and the network between the sites works. If it is lost: "
            + $"`lifeboat status` at {now.Site} says what can be recovered here.")
        { Patience = TimeSpan.FromSeconds(30) };
    }

    private static IEnumerable<Condition> Paths(LinkStatus link) =>
        from path in link.Paths ?? []
        where path.Wanted > 0 && path.Up == 0
        select new Condition(AlertKind.LinkPathDown, AlertSeverity.Warning, $"{link.Peer} over {path.Path}",
            ReasonCode.LinkDown, $"nothing is connected to site {link.Peer} over path {path.Path}"
                + (path.Detail is { } why ? $": {why}" : ""),
            $"Look at the network of this path and at the agent of site {link.Peer}; "
            + $"`lifeboat link get {link.Peer}` shows all paths.");

    private static IEnumerable<Condition> Agents(HostInfo host, Observation? before)
    {
        if (host.Agent is not { } agent)
        {
            yield return new Condition(AlertKind.AgentDown, AlertSeverity.Critical, host.Host, host.Reason,
                $"the agent of host {host.Host} does not answer",
                "The watchdog starts it again; when that does not help look at logs/agent.log and logs/watchdog.log. "
                + "The guests go on meanwhile, their change maps remember what they write.");
            yield break;
        }
        foreach (var condition in Room(host.Host, agent)) yield return condition;
        var last = before?.Agents.FirstOrDefault(h => h.Host == host.Host)?.Agent;
        if (agent.Holds is { } holds && last?.Holds is { } earlier && last.StartedAt == agent.StartedAt
            && holds.Slow > earlier.Slow)
            yield return new Condition(AlertKind.GuestStalled, AlertSeverity.Warning, host.Host,
                ReasonCode.CaptureHung, $"{holds.Slow - earlier.Slow} writes of guests at host {host.Host} waited "
                + $"longer than {HoldStatus.SlowSeconds * 1000:0} ms for us, the longest since the start "
                + $"{holds.LongestSeconds * 1000:0} ms",
                "Look at the load of the host and at the disk of the outbox log.")
            { Patience = TimeSpan.Zero, Linger = StallMemory };
    }

    private static IEnumerable<Condition> Room(string host, AgentStatus agent)
    {
        if (agent.Store is not { TotalBytes: > 0 } store || store.FreeBytes > (1 - NearlyFull) / 2 * store.TotalBytes)
            yield break;
        var share = 1 - store.FreeBytes / (double)store.TotalBytes;
        yield return new Condition(AlertKind.StoreFull, share > 0.97 ? AlertSeverity.Critical : AlertSeverity.Warning,
            host, ReasonCode.TargetFull, $"the file system of the replicas at host {host} is {share:P0} full",
            "Make room there, shorten retention with `lifeboat group policy GROUP --retention …`, or unpin points.");
    }

    private static IEnumerable<Condition> Certificates(Observation now, CertificateInfo certificate)
    {
        var left = certificate.NotAfter - now.At;
        if (left > ExpiryWarning) yield break;
        yield return new Condition(AlertKind.CertificateExpires,
            left < ExpiryAlarm ? AlertSeverity.Critical : AlertSeverity.Warning,
            $"{certificate.Role} of {certificate.Site}", ReasonCode.CertificateRefused,
            $"the {certificate.Role} certificate of site {certificate.Site} "
            + (left > TimeSpan.Zero ? "is over at" : "has been over since") + $" {certificate.NotAfter:u}",
            $"`lifeboat site rotate-certificates{(certificate.Role == "ca" ? " --ca" : "")}` "
            + $"at site {certificate.Site}.")
        { Patience = TimeSpan.Zero, Linger = TimeSpan.Zero };
    }
}
