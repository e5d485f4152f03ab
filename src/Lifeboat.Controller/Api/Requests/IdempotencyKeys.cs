// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Access;
using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Api.Description;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Api.Requests;

// `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header) on every change:
//
//   new key ──► under way ──► 2xx: kept for a day ──► said again: the same answer, nothing is done
//                  │  │
//                  │  └──► refused or failed: the key is free again, for it is to be tried again
//                  └──► the controller died: after StaleAfter whoever says it again carries it out again
//
// Between the effect and the keeping of its answer lies a moment in which a controller may die. Then the request is
// carried out a second time: a run is found by the key, which it keeps itself; everything else that `/v1` changes is
// either a desired state, which is the same after the second time, or refuses the second time because it is there.

/// <summary>Answers a change that is asked for again with what it was answered with.</summary>
internal sealed partial class IdempotencyKeys(RequestKeyStore store, RecordRetention retention, TimeProvider time,
    ILogger<IdempotencyKeys> logger)
{
    public static readonly TimeSpan StaleAfter = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan TouchEvery = TimeSpan.FromSeconds(2);
    private const int LengthMax = 200;

    private readonly string _holder = Guid.NewGuid().ToString("N");

    public async Task HandleAsync(HttpContext context, Func<Task> next)
    {
        if (KeyOf(context.Request) is not { } key || !Changes(context) || DryRuns.IsAsked(context))
        {
            await next();
            return;
        }
        var caller = Caller.Find(context)?.Name ?? "unknown";
        var print = Fingerprint(context.Request, Caller.Find(context)?.Tenant);
        if (Begin(caller, key, print) is { } kept)
        {
            await ReplayAsync(context.Response, kept);
            return;
        }
        RequestKey.Current = $"{caller}/{key}";
        await CarryOutAsync(context, caller, key, next);
    }

    /// <returns>The answer that was kept; null: this request is to be carried out now.</returns>
    /// <exception cref="ProblemException">KeyReused, RequestUnderWay.</exception>
    private KeptAnswer? Begin(string caller, string key, string print)
    {
        var now = time.GetUtcNow();
        store.Prune(caller, key, now - TimeSpan.FromHours(retention.KeyHours));
        if (store.TryBegin(caller, key, print, _holder, now)) return null;
        if (store.Find(caller, key) is not { } known) return Begin(caller, key, print); // it was just given up
        if (known.Fingerprint != print)
            throw new ProblemException(ReasonCode.KeyReused, $"the idempotency key '{key}' belongs to another request",
                "A key is for one request and its repetitions; take a new one.");
        if (known.Answer is { } answer) return answer;
        var left = now - known.TouchedAt > StaleAfter;
        if (left && store.TryTakeOver(caller, key, known, _holder, now)) return null;
        throw new ProblemException(ReasonCode.RequestUnderWay,
            $"the request of the idempotency key '{key}' is still being carried out", "Say it again later.");
    }

    private async Task CarryOutAsync(HttpContext context, string caller, string key, Func<Task> next)
    {
        await using var alive = time.CreateTimer(_ => Touch(caller, key), null, TouchEvery, TouchEvery);
        var wire = context.Response.Body;
        using var answer = new MemoryStream();
        context.Response.Body = answer;
        var kept = false;
        try
        {
            await next();
            if (context.Response.StatusCode is >= 200 and < 300)
            {
                store.End(caller, key, _holder, new KeptAnswer(context.Response.StatusCode,
                    context.Response.Headers.Location, context.Response.ContentType,
                    answer.Length == 0 ? null : answer.ToArray()));
                kept = true;
            }
        }
        finally
        {
            context.Response.Body = wire;
            if (!kept) store.Forget(caller, key, _holder);
        }
        answer.Position = 0;
        await answer.CopyToAsync(wire, context.RequestAborted);
    }

    private static async Task ReplayAsync(HttpResponse response, KeptAnswer kept)
    {
        response.StatusCode = kept.Status;
        response.Headers[RequestKey.ReplayedHeader] = "true";
        if (kept.Location is { } location) response.Headers.Location = location;
        if (kept.Body is not { } body) return;
        response.ContentType = kept.MediaType;
        await response.Body.WriteAsync(body, response.HttpContext.RequestAborted);
    }

    private static bool Changes(HttpContext context) => context.Request.Path.StartsWithSegments("/v1")
        && !HttpMethods.IsGet(context.Request.Method)
        && context.GetEndpoint()?.Metadata.GetMetadata<ApiOperation>()
            is not ({ Changes: false } or { AnswersSecret: true });

    // The draft's value is a string of RFC 8941, in quotes; most senders leave them out.
    private static string? KeyOf(HttpRequest request)
    {
        if (request.Headers[RequestKey.Header] is not [{ } said]) return null;
        var key = said is ['"', .., '"'] ? said[1..^1] : said;
        return key.Length is > 0 and <= LengthMax && key.All(c => c is > ' ' and < '\x7f')
            ? key
            : throw ProblemException.Of("the request has a fault", [new ProblemFault(
                $"must be 1 to {LengthMax} visible characters", Parameter: RequestKey.Header)]);
    }

    /// <param name="tenant">That the request is about: the same request about another one is another request.</param>
    internal static string Fingerprint(HttpRequest request, string? tenant)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(
            $"{request.Method} {request.Path}{request.QueryString}\n{request.Headers.IfMatch}\n{tenant}\n"));
        if (request.Body is MemoryStream body) // as RequestFaults left it
            hash.AppendData(body.GetBuffer().AsSpan(0, (int)body.Length));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    internal void Touch(string caller, string key)
    {
        try
        {
            store.Touch(caller, key, _holder, time.GetUtcNow());
        }
        // On a timer's thread: what is not caught there ends the process.
        catch (Exception e) when (e is DbException || ControllerDatabase.IsUnavailable(e))
        {
            // The next one comes in two seconds; only when all fail for StaleAfter may the request be done twice.
            LogNotTouched(e, key);
        }
    }

    [LoggerMessage(EventIds.KeyNotTouched, LogLevel.Warning, "Idempotency key {Key} could not be touched")]
    private partial void LogNotTouched(Exception cause, string key);
}
