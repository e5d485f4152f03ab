// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Access;
using System.Data.Common;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Api.Description;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Api.Requests;

// `Prefer: respond-async` (RFC 7240 §4.1) on whatever is no GET: 202 at once, with the `Location` of an operation, and
// the endpoint is carried out behind it over a copy of the request that belongs to nobody's connection. Who hangs up
// does not end it. A run is an operation without asking: it is 202 anyway, and outlives its controller.

/// <summary>Carries out in the background what nobody wants to wait for.</summary>
internal sealed partial class Operations(OperationStore store, IServiceProvider services, AuditTrail trail,
    TimeProvider time, ILogger<Operations> logger)
{
    public static readonly TimeSpan LostAfter = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan TouchEvery = TimeSpan.FromSeconds(3);
    private const string Async = "respond-async";

    private readonly string _holder = Guid.NewGuid().ToString("N");

    public async Task HandleAsync(HttpContext context, Func<Task> next)
    {
        // An edit is at once or not at all (its condition holds now), and a secret is kept nowhere: asking is a wish.
        if (!IsAsked(context.Request)
            || context.GetEndpoint() is not { RequestDelegate: { } work } endpoint
            || endpoint.Metadata.GetMetadata<ApiOperation>() is not { MayBeAsync: true })
        {
            await next();
            return;
        }
        var caller = Caller.Find(context)?.Name ?? "unknown";
        var operation = new Operation(Guid.CreateVersion7(time.GetUtcNow()),
            $"{context.Request.Method} {context.Request.Path}", context.TraceIdentifier, OperationState.Running,
            time.GetUtcNow(), null, null, null, null, null);
        store.Save(new KeptOperation(caller, _holder, time.GetUtcNow(), operation));
        _ = CarryOutAsync(caller, operation, Copy(context, endpoint), work);
        AuditTrail.Accepted(context);
        context.Response.StatusCode = StatusCodes.Status202Accepted;
        context.Response.Headers.Location = $"/v1/operations/{operation.Id}";
        context.Response.Headers["Preference-Applied"] = Async;
        await context.Response.WriteAsJsonAsync(operation, ContractJson.Options, context.RequestAborted);
    }

    /// <summary>As it is now: one that nobody carries out any more is lost.</summary>
    public Operation Seen(KeptOperation kept) =>
        kept.Operation.State is OperationState.Running && time.GetUtcNow() - kept.TouchedAt > LostAfter
            ? kept.Operation with { State = OperationState.Lost } : kept.Operation;

    private async Task CarryOutAsync(string caller, Operation operation, HttpContext copy, RequestDelegate work)
    {
        await Task.Yield();
        await using var alive = time.CreateTimer(_ => Touch(operation.Id), null, TouchEvery, TouchEvery);
        var answer = new MemoryStream();
        copy.Response.Body = answer;
        Problem? problem = null;
        try
        {
            await work(copy);
        }
        catch (ProblemException e)
        {
            problem = new Problem(e.Message, ProblemStatus.Of(e.Reason), e.Detail, e.Reason, e.Errors, e.Faults,
                operation.RequestId);
        }
        // The top of what was asked for: logged whole, kept without the details, as a request is.
        catch (Exception e)
        {
            LogFailed(e, operation.Request);
            problem = new Problem("the controller failed to do this", 500, $"{e.GetType().Name}; its log says more",
                ReasonCode.Unexpected, RequestId: operation.RequestId);
        }
        try
        {
            End(caller, operation, copy, answer, problem);
        }
        // Nobody waits for this: without a word it would look as if its controller had died.
        catch (Exception e)
        {
            LogNotEnded(e, operation.Id, problem is null ? "done" : $"{problem.Reason}");
        }
    }

    private void End(string caller, Operation operation, HttpContext copy, MemoryStream answer, Problem? problem)
    {
        var ended = operation with
        {
            State = problem is null ? OperationState.Succeeded : OperationState.Failed,
            FinishedAt = time.GetUtcNow(),
            Progress = problem is null ? 1 : null,
            Result = problem is null ? copy.Response.Headers.Location.FirstOrDefault() : null,
            Answer = problem is null && answer.Length > 0
                ? JsonSerializer.Deserialize<JsonElement>(answer.GetBuffer().AsSpan(0, (int)answer.Length)) : null,
            Problem = problem,
        };
        store.Save(new KeptOperation(caller, _holder, time.GetUtcNow(), ended));
        trail.End(copy, problem?.Reason ?? ReasonCode.None, caller);
    }

    // Only what an endpoint reads; the connection, which ends before the work does, is not there.
    private DefaultHttpContext Copy(HttpContext context, Endpoint endpoint)
    {
        var copy = new DefaultHttpContext
        {
            RequestServices = services,
            User = context.User,
            TraceIdentifier = context.TraceIdentifier,
        };
        copy.SetEndpoint(endpoint);
        foreach (var (key, item) in context.Items) copy.Items[key] = item;
        var (from, to) = (context.Request, copy.Request);
        (to.Method, to.Scheme, to.Host, to.Path) = (from.Method, from.Scheme, from.Host, from.Path);
        (to.QueryString, to.ContentType, to.ContentLength) = (from.QueryString, from.ContentType, from.ContentLength);
        foreach (var (name, value) in from.Headers) to.Headers[name] = value;
        to.RouteValues = new RouteValueDictionary(from.RouteValues);
        if (from.Body is MemoryStream body) // as RequestFaults left it
        {
            to.Body = new MemoryStream(body.GetBuffer(), 0, (int)body.Length, writable: false);
            copy.Features.Set<IHttpRequestBodyDetectionFeature>(new HasBody());
        }
        return copy;
    }

    private sealed class HasBody : IHttpRequestBodyDetectionFeature
    {
        public bool CanHaveBody => true;
    }

    private static bool IsAsked(HttpRequest request) => request.Headers["Prefer"]
        .SelectMany(p => (p ?? "").Split(',', StringSplitOptions.TrimEntries)).Contains(Async);

    private void Touch(Guid id)
    {
        try
        {
            store.Touch(id, time.GetUtcNow());
        }
        catch (Exception e) when (e is DbException or ProblemException { Reason: ReasonCode.DatabaseUnavailable })
        {
            // The next one comes in three seconds; until then it may look lost, and is not.
            LogNotTouched(e, id);
        }
    }

    [LoggerMessage(EventIds.OperationFailed, LogLevel.Error, "{Request} failed in the background")]
    private partial void LogFailed(Exception cause, string request);

    [LoggerMessage(EventIds.OperationNotEnded, LogLevel.Error,
        "What came of operation {Operation} ({Outcome}) could not be kept")]
    private partial void LogNotEnded(Exception cause, Guid operation, string outcome);

    [LoggerMessage(EventIds.OperationNotTouched, LogLevel.Warning, "Operation {Operation} could not be touched")]
    private partial void LogNotTouched(Exception cause, Guid operation);
}
