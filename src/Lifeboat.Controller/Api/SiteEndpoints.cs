// SPDX-License-Identifier: Apache-2.0
using System.Reflection;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/site`, `/v1/events`: the site itself and its pairings.</summary>
internal sealed class SiteEndpoints(SiteConfiguration site, Pairing pairing, PeerDirectory peers, AgentClient agent,
    SiteAgents agents, AuditLog audit, TimeProvider time, CertificateRotation certificates,
    SiteIdentity identity)
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
}
