// SPDX-License-Identifier: Apache-2.0
using System.Reflection;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
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
        routes.MapGet("/v1/site", async (HttpContext http, CancellationToken ct) =>
            Seen(await InfoAsync(ct), Caller.Of(http))).Needs(Right.View);
        routes.MapPost("/v1/site/tokens", () => pairing.CreateToken()).Needs(Right.Operate);
        routes.MapPost("/v1/site/pair", (PairRequest request, CancellationToken ct) =>
            pairing.JoinAsync(request.Token ?? "", ct)).Needs(Right.Operate);
        routes.MapPost("/v1/site/certificates", (RotateCertificatesRequest request, CancellationToken ct) =>
            certificates.RotateAsync(request, ct)).Needs(Right.Operate);
        routes.MapGet("/v1/events", () => audit.Newest(500)).NeedsAtSite(Right.Audit);
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
            CaFingerprint = SiteIdentity.FingerprintOf(identity.Ca),
            Agent = status,
            AgentReason = reason,
            Hosts = await agents.FurtherAsync(ct),
            Peers = [.. peers.All.Select(peers.Describe)],
            Certificates = identity.Certificates(),
            PeerRequests = peers.Requests,
        };
    }

    // Of a tenant's matters and of what everybody may know: not who else is here, nor how the site is built.
    private static SiteInfo Seen(SiteInfo site, Caller caller) => caller.Tenant is null ? site : site with
    {
        ProcessId = 0,
        Agent = site.Agent is { } agent ? agent with
        {
            ProcessId = 0,
            Sources = [.. agent.Sources.Where(g => caller.Sees(GroupName.TenantOf(g)))],
            Replicas = [.. agent.Replicas.Where(g => caller.Sees(GroupName.TenantOf(g)))],
        } : null,
        Hosts = [],
        Peers = [.. site.Peers.Select(p => p with { Requests = 0 })],
        Certificates = [],
        PeerRequests = 0,
    };

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
