// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Access.Rules;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Metrics;
using Lifeboat.Controller.Tenancy;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

// Who may ask what. The listener comes first: whoever opened the unix socket is the site's own operator (file
// permissions are the identity); over TLS `/v1` is for who has a token, `/peer` for the controller of a paired site,
// and `/pair` for anybody, who needs the secret of a pairing token there; over plain HTTP (where the site is told to
// listen for it) there is only what machines ask of the process. Then the endpoint says which right it needs.
internal sealed class RequestGate(SiteIdentity identity, Callers callers, AccessRules rules, TenantScope scope,
    ProblemResponses problems, AuditTrail trail, SiteMetrics metrics, TimeProvider time)
{
    private const string PeerKey = "lifeboat.peer";

    /// <summary>The paired site that asks.</summary>
    public static string Peer(HttpContext context) => (string)context.Items[PeerKey]!;

    /// <summary>Outermost: whatever is refused inside leaves as a problem, whatever changes leaves a trail.</summary>
    public async Task HandleAsync(HttpContext context, Func<Task> next)
    {
        var began = time.GetTimestamp();
        var reason = await problems.AnswerAsync(context, next);
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "none";
        metrics.Requested(context.Request.Method, route, context.Response.StatusCode, time.GetElapsedTime(began));
        trail.End(context, reason, ActorOf(context));
    }

    /// <summary>Behind the routing: lets the request in, or says why not.</summary>
    public async Task AdmitAsync(HttpContext context)
    {
        var path = context.Request.Path;
        if (!Callers.IsOverTls(context) && !Callers.IsLocal(context)) AdmitMachine(context, path);
        else if (path.StartsWithSegments("/peer") || path.StartsWithSegments("/pair")) AdmitPeer(context, path);
        else await AdmitCallerAsync(context);
        trail.Begin(context);
    }

    // Nothing that is secret goes over plain HTTP, no token either.
    private static void AdmitMachine(HttpContext context, PathString path)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<OfferedToMachines>() is null)
            throw new ProblemException(ReasonCode.NotAllowed, $"{path} is not offered here");
    }

    private void AdmitPeer(HttpContext context, PathString path)
    {
        if (Callers.IsLocal(context)) throw new ProblemException(ReasonCode.NotAllowed, $"{path} is not offered here");
        if (path.StartsWithSegments("/pair")) return;
        var certificate = context.Connection.ClientCertificate;
        context.Items[PeerKey] = (certificate is null ? null : identity.PeerOf(certificate))
            ?? throw new ProblemException(ReasonCode.CertificateRefused,
                "the certificate is not that of a paired site's controller",
                certificate is null ? "None was shown." : $"It says {certificate.Subject}.");
    }

    private async Task AdmitCallerAsync(HttpContext context)
    {
        var needed = context.GetEndpoint()?.Metadata.GetMetadata<EndpointRights>();
        if (await callers.OfAsync(context, needed is not { IsOpen: true }) is not { } caller) return;
        caller.Keep(context);
        if (needed is null or { IsOpen: true }) return;
        if (needed.OfSite && !caller.IsOfSite)
            throw new ProblemException(ReasonCode.NotAllowed, $"{caller.Name} is of a tenant, this is the site's");
        rules.Require(context, caller, needed);
        await scope.ResolveAsync(context, caller, context.RequestAborted);
    }

    private static string? ActorOf(HttpContext context)
    {
        if (Caller.Find(context) is { } caller) return caller.Name;
        if (context.Items[PeerKey] is string peer) return peer;
        // Only few of these come through: wrong passwords and pairing tokens are slowed down or burnt.
        return context.GetEndpoint()?.Metadata.GetMetadata<EndpointRights>() is { IsOpen: true }
            || context.Request.Path.StartsWithSegments("/pair") ? "unknown" : null;
    }
}
