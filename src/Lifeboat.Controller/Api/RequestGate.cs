// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Lifeboat.Contracts;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Metrics;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Api;

// Who may ask what. The listener decides: whoever opened the unix socket may do everything (file permissions are the
// identity), over TLS only `/peer` by the controller of a paired site and `/pair` by anybody with a token, over plain
// HTTP (where the site is told to listen for it) only what machines ask of the process.
internal sealed partial class RequestGate(SiteIdentity identity, ProblemResponses problems, AuditLog audit,
    SiteMetrics metrics, TimeProvider time, ILogger<RequestGate> logger)
{
    private const string PeerKey = "lifeboat.peer";

    /// <summary>The paired site that asks.</summary>
    public static string Peer(HttpContext context) => (string)context.Items[PeerKey]!;

    public async Task HandleAsync(HttpContext context, Func<Task> next)
    {
        var began = time.GetTimestamp();
        var reason = await problems.AnswerAsync(context, () =>
        {
            Admit(context);
            return next();
        });
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "none";
        metrics.Requested(context.Request.Method, route, context.Response.StatusCode, time.GetElapsedTime(began));
        if (IsChange(context)) Record(context, reason);
    }

    private void Admit(HttpContext context)
    {
        var overTls = context.Features.Get<ITlsConnectionFeature>() is not null;
        var path = context.Request.Path;
        var forMachines = HealthEndpoints.Paths.Any(p => path == p);
        // A unix socket has no address; what has one and no TLS is the listener for machines.
        var isOurs = !overTls && context.Connection.LocalIpAddress is null;
        if (isOurs && (forMachines || path.StartsWithSegments("/v1"))) return;
        if (!overTls && !isOurs && forMachines) return;
        if (overTls && path.StartsWithSegments("/pair")) return;
        if (overTls && path.StartsWithSegments("/peer"))
        {
            var certificate = context.Connection.ClientCertificate;
            context.Items[PeerKey] = (certificate is null ? null : identity.PeerOf(certificate))
                ?? throw new ProblemException(ReasonCode.CertificateRefused,
                    "the certificate is not that of a paired site's controller",
                    certificate is null ? "None was shown." : $"It says {certificate.Subject}.");
            return;
        }
        throw new ProblemException(ReasonCode.NotAllowed, $"{path} is not offered here");
    }

    // Peers exchange definitions every other second: that is no change worth a line.
    private static bool IsChange(HttpContext context) => !HttpMethods.IsGet(context.Request.Method)
        && !context.Request.Path.StartsWithSegments("/peer/v1/exchange")
        && !context.Request.Path.StartsWithSegments("/peer/v1/boot");

    private void Record(HttpContext context, ReasonCode reason)
    {
        var stranger = context.Features.Get<ITlsConnectionFeature>() is null ? "local" : "unknown";
        try
        {
            audit.Add(time.GetUtcNow(), context.Items[PeerKey] as string ?? stranger, context.Request.Method,
                context.Request.Path, reason is ReasonCode.None ? "ok" : reason.ToString(), null);
        }
        catch (Exception e) when (e is DbException || ControllerDatabase.IsUnavailable(e))
        {
            // The request has been answered; cutting the answer off now would deny what was done.
            LogNotRecorded(e, context.Request.Method, context.Request.Path);
        }
    }

    [LoggerMessage(EventIds.NotRecorded, LogLevel.Error, "{Method} {Path} is missing in the audit log")]
    private partial void LogNotRecorded(Exception cause, string method, string path);
}
