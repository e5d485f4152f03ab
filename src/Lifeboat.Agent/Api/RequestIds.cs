// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Api;

/// <summary>
/// The id of the request that the controller makes this one for (<see cref="RequestTrace"/>): in every line of log
/// about it, with one line for each change that is asked for, so that a user's request is found here too.
/// </summary>
internal static partial class RequestIds
{
    public static async Task HandleAsync(HttpContext context, RequestDelegate next)
    {
        var headers = context.Request.Headers;
        var trace = RequestTrace.Accept(headers[RequestTrace.Header], headers[RequestTrace.ParentHeader],
            () => Guid.NewGuid().ToString("N"));
        RequestTrace.Current = trace;
        context.TraceIdentifier = trace.Id;
        context.Response.Headers[RequestTrace.Header] = trace.Id;
        var logger = context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(RequestIds));
        var start = Stopwatch.GetTimestamp();
        await next(context);
        // The controller looks every other second; only what was asked for by somebody is worth a line.
        if (!HttpMethods.IsGet(context.Request.Method) && headers.ContainsKey(RequestTrace.Header))
            LogRequested(logger, context.Request.Method, context.Request.Path, context.Response.StatusCode,
                (int)Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }

    [LoggerMessage(EventIds.Requested, LogLevel.Information, "{Method} {Path} answered {Status} in {Milliseconds} ms")]
    private static partial void LogRequested(ILogger logger, string method, string path, int status, int milliseconds);
}
