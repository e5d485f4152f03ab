// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection.Groups;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/events/stream`: what happens at the site, as server-sent events.</summary>
internal sealed class EventEndpoints(SiteEvents events, Callers callers, TimeProvider time)
{
    public const string ResumeHeader = "Last-Event-ID";
    private static readonly TimeSpan AliveEvery = TimeSpan.FromSeconds(15);

    public void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/v1/events/stream", StreamAsync).Needs(Right.View);

    // https://html.spec.whatwg.org/multipage/server-sent-events.html; a line that begins with a colon says nothing but
    // keeps proxies from taking the connection for a dead one.
    private async Task StreamAsync(HttpContext http, long? after, CancellationToken ct)
    {
        var from = LastSeen(http.Request) ?? after;
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-cache,no-store";
        await http.Response.WriteAsync("retry: 2000\n\n", ct);
        await http.Response.Body.FlushAsync(ct);
        var caller = Caller.Of(http);
        var admitted = time.GetTimestamp();
        await foreach (var happened in events.FollowAsync(from, AliveEvery, ct))
        {
            if (time.GetElapsedTime(admitted) >= AliveEvery)
            {
                if (!await callers.StillMayAsync(http)) return;
                admitted = time.GetTimestamp();
            }
            if (happened is not null && !Concerns(happened, caller)) continue;
            await http.Response.WriteAsync(happened is null ? ": still here\n\n" : Text(happened), ct);
            await http.Response.Body.FlushAsync(ct);
        }
    }

    // What is missing is missing to everybody.
    private static bool Concerns(SiteEvent happened, Caller caller) =>
        happened.Kind is SiteEventKind.Removed || caller.Sees(TenantOf(happened));

    // What is about no group is the site's.
    private static string? TenantOf(SiteEvent happened) =>
        happened.Tenant ?? (happened.Group is { } group ? GroupName.TenantOf(group) : null);

    private static string Text(SiteEvent happened) => $"id: {happened.Number}\nevent: "
        + $"{JsonNamingPolicy.KebabCaseLower.ConvertName(happened.Kind.ToString())}\ndata: "
        + $"{JsonSerializer.Serialize(happened, ContractJson.Options)}\n\n";

    private static long? LastSeen(HttpRequest request)
    {
        if (request.Headers[ResumeHeader] is not [{ Length: > 0 } text]) return null;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw ProblemException.Of("the request has a fault",
                [new ProblemFault("must be the id of an event", Parameter: ResumeHeader)]);
    }
}
