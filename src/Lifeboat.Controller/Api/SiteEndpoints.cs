// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Reflection;
using System.Text;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/site`, `/v1/events`, `/metrics`: the site itself and its pairings.</summary>
internal sealed class SiteEndpoints(SiteConfiguration site, Pairing pairing, PeerDirectory peers, AgentClient agent,
    SiteAgents agents, AuditLog audit, GroupOverview groups, TimeProvider time,
    CertificateRotation certificates, SiteIdentity identity)
{
    private readonly DateTimeOffset _started = time.GetUtcNow();

    public static string Version { get; } =
        typeof(SiteEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0];

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/site", (CancellationToken ct) => InfoAsync(ct));
        routes.MapPost("/v1/site/tokens", () => pairing.CreateToken());
        routes.MapPost("/v1/site/pair", (PairRequest request, CancellationToken ct) =>
            pairing.JoinAsync(request.Token ?? "", ct));
        routes.MapPost("/v1/site/certificates", (RotateCertificatesRequest request, CancellationToken ct) =>
            certificates.RotateAsync(request, ct));
        routes.MapGet("/v1/events", () => audit.Newest(500));
        routes.MapGet("/metrics", async (CancellationToken ct) => Results.Text(await MetricsAsync(ct)));
    }

    private async Task<SiteInfo> InfoAsync(CancellationToken ct)
    {
        var (status, reason) = await AgentAsync(ct);
        return new SiteInfo
        {
            Name = site.Name,
            Version = Version,
            ProcessId = Environment.ProcessId,
            StartedAt = _started,
            ControllerUrl = pairing.Url,
            LinkAddress = site.LinkAddress,
            Agent = status,
            AgentReason = reason,
            Hosts = await agents.FurtherAsync(ct),
            Peers = [.. peers.All.Select(peers.Describe)],
            Certificates = identity.Certificates(),
            PeerRequests = peers.Requests,
        };
    }

    private async Task<(AgentStatus?, ReasonCode)> AgentAsync(CancellationToken ct)
    {
        try
        {
            return (await agent.StatusAsync(ct), ReasonCode.None);
        }
        catch (ProblemException e)
        {
            return (null, e.Reason);
        }
    }

    private async Task<string> MetricsAsync(CancellationToken ct)
    {
        var text = new StringBuilder();
        Head(text, "lifeboat_peer_requests_total", "counter", "Requests made to a paired site since the start.");
        foreach (var peer in peers.All)
            text.Append(CultureInfo.InvariantCulture,
                $"lifeboat_peer_requests_total{{peer=\"{peer.Name}\"}} {peers.RequestsTo(peer.Name)}\n");
        var all = await groups.AllAsync(ct);
        Head(text, "lifeboat_group_state", "gauge", "1 for the state that the group is in.");
        foreach (var group in all)
            text.Append(CultureInfo.InvariantCulture,
                $"lifeboat_group_state{{group=\"{group.Definition.Name}\",state=\"{group.State}\"}} 1\n");
        Head(text, "lifeboat_exposure_seconds", "gauge", "What a failover now would lose at most.");
        foreach (var group in all.Where(g => g.Exposure is not null))
        {
            var seconds = group.Exposure!.Value.TotalSeconds;
            text.Append(CultureInfo.InvariantCulture,
                $"lifeboat_exposure_seconds{{group=\"{group.Definition.Name}\"}} {seconds:0.###}\n");
        }
        AppendOutboxes(text, all);
        await AppendLinksAsync(text, ct);
        Head(text, "lifeboat_certificate_expires_seconds", "gauge", "Until a certificate is over.");
        foreach (var c in identity.Certificates())
            text.Append(CultureInfo.InvariantCulture, $"lifeboat_certificate_expires_seconds{{site=\"{c.Site}\","
                + $"role=\"{c.Role}\"}} {(c.NotAfter - time.GetUtcNow()).TotalSeconds:0}\n");
        return text.ToString();
    }

    private async Task AppendLinksAsync(StringBuilder text, CancellationToken ct)
    {
        var links = new List<LinkStatus>();
        foreach (var peer in peers.All)
            if (await LinkAsync(peer.Name, ct) is { } link) links.Add(link);
        Head(text, "lifeboat_link_bytes_total", "counter", "Bytes of frames sent to a paired site.");
        foreach (var link in links)
            text.Append(CultureInfo.InvariantCulture,
                $"lifeboat_link_bytes_total{{peer=\"{link.Peer}\"}} {link.WireBytes}\n");
        Head(text, "lifeboat_link_path_bytes_total", "counter", "Bytes sent over a path of a link.");
        foreach (var (link, path) in links.SelectMany(l => (l.Paths ?? []).Select(p => (l, p))))
            text.Append(CultureInfo.InvariantCulture,
                $"lifeboat_link_path_bytes_total{{peer=\"{link.Peer}\",path=\"{path.Path}\"}} {path.WireBytes}\n");
        Head(text, "lifeboat_link_path_up", "gauge", "Connections over a path that live.");
        foreach (var (link, path) in links.SelectMany(l => (l.Paths ?? []).Select(p => (l, p))))
            text.Append(CultureInfo.InvariantCulture,
                $"lifeboat_link_path_up{{peer=\"{link.Peer}\",path=\"{path.Path}\"}} {path.Up}\n");
    }

    private async Task<LinkStatus?> LinkAsync(string peer, CancellationToken ct)
    {
        try
        {
            return await agent.LinkAsync(peer, ct);
        }
        catch (ProblemException)
        {
            return null; // no agent, no figures
        }
    }

    private static void AppendOutboxes(StringBuilder text, IReadOnlyList<GroupInfo> groups)
    {
        Head(text, "lifeboat_lag_seconds", "gauge", "Age of the oldest write that was not made durable.");
        foreach (var group in groups.Where(g => g.Source is not null))
            text.Append(CultureInfo.InvariantCulture,
                $"lifeboat_lag_seconds{{group=\"{group.Definition.Name}\"}} {group.Source!.Lag.TotalSeconds:0.###}\n");
        Head(text, "lifeboat_outbox_bytes", "gauge", "Writes that are not durable at the recovery site, by place.");
        foreach (var group in groups)
        {
            if (group.Source?.Outbox is not { } outbox) continue;
            foreach (var (place, bytes) in new[] { ("memory", outbox.MemoryBytes), ("log", outbox.LogBytes) })
                text.Append(CultureInfo.InvariantCulture,
                    $"lifeboat_outbox_bytes{{group=\"{group.Definition.Name}\",place=\"{place}\"}} {bytes}\n");
        }
        Head(text, "lifeboat_outbox_rung", "gauge", "1 for where writes are kept now.");
        foreach (var group in groups.Where(g => g.Source?.Outbox is not null))
            text.Append(CultureInfo.InvariantCulture,
                $"lifeboat_outbox_rung{{group=\"{group.Definition.Name}\",rung=\"{group.Source!.Outbox!.Rung}\"}} 1\n");
    }

    private static void Head(StringBuilder text, string name, string kind, string help) =>
        text.Append($"# HELP {name} {help}\n# TYPE {name} {kind}\n");
}
