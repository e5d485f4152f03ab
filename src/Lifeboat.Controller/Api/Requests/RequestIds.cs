// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Api.Requests;

/// <summary>
/// Gives each request its id (<see cref="RequestTrace"/>): in the answer, in the scope of every line of log, and in
/// every request that is made to agents and other sites for it, runs that it starts included.
/// </summary>
internal sealed partial class RequestIds(TimeProvider time, ILogger<RequestIds> logger)
{
    public async Task HandleAsync(HttpContext context, Func<Task> next)
    {
        var headers = context.Request.Headers;
        string? given = headers[RequestTrace.Header];
        var trace = RequestTrace.Accept(given ?? headers[RequestTrace.OpenStackHeader],
            headers[RequestTrace.ParentHeader],
            () => Guid.CreateVersion7(time.GetUtcNow()).ToString("N"));
        RequestTrace.Current = trace;
        context.TraceIdentifier = trace.Id;
        // At the last moment: a refusal clears what was there before.
        context.Response.OnStarting(() =>
        {
            context.Response.Headers[RequestTrace.Header] = trace.Id;
            context.Response.Headers[RequestTrace.OpenStackHeader] = trace.OpenStackId;
            return Task.CompletedTask;
        });
        var start = time.GetTimestamp();
        await next();
        // Between sites definitions are exchanged every other second, for nobody's request.
        if (!HttpMethods.IsGet(context.Request.Method)
            && (headers.ContainsKey(RequestTrace.Header) || context.Request.Path.StartsWithSegments("/v1")))
            LogRequested(context.Request.Method, context.Request.Path, context.Response.StatusCode,
                (int)time.GetElapsedTime(start).TotalMilliseconds);
    }

    [LoggerMessage(EventIds.Requested, LogLevel.Information, "{Method} {Path} answered {Status} in {Milliseconds} ms")]
    private partial void LogRequested(string method, string path, int status, int milliseconds);
}
