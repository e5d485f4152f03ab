// SPDX-License-Identifier: Apache-2.0
using System.Collections.Frozen;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Api.Description;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Lifeboat.Controller.Api.Requests;

// `dryRun=true` on a change. What lies in front of this has been checked then as for any other request: who asks, the
// right, whose the named things are, parameters and body, `If-Match`. Here it is looked whether what the path names is
// there, by asking the endpoints that show it. An endpoint whose own checks can be told from what it does goes as far
// as those (CheckThemselves); every other one is not called at all, so that none can change anything by mistake.

/// <summary>Answers a change that is only to be tried.</summary>
internal sealed class DryRuns(IServiceProvider services)
{
    // Operations whose endpoints say where their checks end (DryRun.EndsHere), before they change anything.
    private static readonly FrozenSet<string> CheckThemselves = new[]
    {
        "createPolicy", "changeNamedPolicy", "settlePolicy", "deletePolicy", "changePolicy", "changePlan",
        "createTenant", "changeTenant", "deleteTenant", "createUser", "grant", "revoke", "deleteUser",
        "putAlertTarget", "changeLink", "startEvacuation", "prepareProject", "removeProject",
    }.ToFrozenSet(StringComparer.Ordinal);

    private IReadOnlyDictionary<string, RouteEndpoint>? _shows;

    /// <summary>It must leave nothing behind: no answer under its key, no line in the audit log.</summary>
    public static bool IsAsked(HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<ApiOperation>() is { Changes: true }
        && context.Request.Query[DryRunAnswer.Parameter] is [{ } text] && bool.TryParse(text, out var asked) && asked;

    public async Task HandleAsync(HttpContext context, Func<Task> next)
    {
        if (!IsAsked(context))
        {
            await next();
            return;
        }
        var endpoint = (RouteEndpoint)context.GetEndpoint()!;
        List<string> looked = ["who asks and may", "the request"];
        foreach (var shows in Above(endpoint))
        {
            await LookAsync(context, shows);
            looked.Add($"that there is {Filled(shows, context)}");
        }
        var operation = endpoint.Metadata.GetMetadata<ApiOperation>()!;
        if (CheckThemselves.Contains(operation.Id))
        {
            // Somebody waits for what comes of a trial.
            context.Request.Headers.Remove("Prefer");
            var ended = await DryRun.TryAsync(() => UnheardAsync(context, next));
            looked.Add(ended ? "all that the change itself asks for" : "that there is nothing to change");
        }
        context.Response.Headers[DryRunAnswer.Header] = "true";
        var answer = new DryRunAnswer($"{context.Request.Method} {context.Request.Path}", operation.Summary, looked);
        await context.Response.WriteAsJsonAsync(answer, ContractJson.Options, context.RequestAborted);
    }

    // What shows the things that the path goes through: of `DELETE /v1/runs/{run}/…` that is `GET /v1/runs/{run}`.
    private IEnumerable<RouteEndpoint> Above(RouteEndpoint endpoint)
    {
        _shows ??= services.GetServices<EndpointDataSource>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<ApiOperation>() is { Method: "GET" }).ToDictionary(Route);
        var parts = Route(endpoint).Split('/');
        for (var length = 1; length <= parts.Length; length++)
            if (parts[length - 1].EndsWith('}') && _shows.TryGetValue(string.Join('/', parts[..length]), out var shows))
                yield return shows;
    }

    private static string Route(RouteEndpoint endpoint) => endpoint.RoutePattern.RawText!;

    private static string Filled(RouteEndpoint shows, HttpContext context) =>
        string.Join(' ', Route(shows).Split('/').Skip(2).Select(p => p.StartsWith('{')
            ? $"{context.GetRouteValue(p.Trim('{', '}').Split(':')[0])}"
            : p.EndsWith("ies", StringComparison.Ordinal) ? $"{p[..^3]}y" : p.TrimEnd('s')));

    /// <exception cref="ProblemException">What is named is not there.</exception>
    private static Task LookAsync(HttpContext context, RouteEndpoint shows)
    {
        var method = context.Request.Method;
        context.Request.Method = HttpMethods.Get;
        return UnheardAsync(context, async () =>
        {
            try
            {
                await shows.RequestDelegate!(context);
            }
            finally
            {
                context.Request.Method = method;
            }
        });
    }

    // What an endpoint answers with is not the answer to this request.
    private static async Task UnheardAsync(HttpContext context, Func<Task> work)
    {
        var (body, headers) = (context.Response.Body, context.Response.Headers.ToList());
        context.Response.Body = Stream.Null;
        try
        {
            await work();
        }
        finally
        {
            context.Response.Body = body;
            context.Response.StatusCode = StatusCodes.Status200OK;
            context.Response.Headers.Clear();
            foreach (var (name, value) in headers) context.Response.Headers[name] = value;
        }
    }
}
