// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Options;
using HttpJson = Microsoft.AspNetCore.Http.Json.JsonOptions;

namespace Lifeboat.Controller.Api.Requests;

/// <summary>
/// Looks through a request of `/v1` before its endpoint does, and refuses it with all its faults: query parameters that
/// nobody knows or that are of another kind, and whatever <see cref="BodyFaults"/> finds.
/// </summary>
internal sealed class RequestFaults(IOptions<HttpJson> json)
{
    private readonly JsonSerializerOptions _options = json.Value.SerializerOptions;

    /// <exception cref="ProblemException">
    /// InvalidRequest with all faults; MediaTypeUnsupported; RequestTooLarge is Kestrel's, see ProblemResponses.
    /// </exception>
    public async Task ThrowIfAnyAsync(HttpContext context)
    {
        if (!context.Request.Path.StartsWithSegments("/v1") || context.GetEndpoint() is not RouteEndpoint endpoint)
            return;
        var faults = QueryFaults(context.Request, endpoint).ToList();
        if (endpoint.Metadata.GetMetadata<IAcceptsMetadata>() is { RequestType: { } contract } accepts)
            faults.AddRange(await BodyAsync(context, contract, accepts.IsOptional));
        if (faults.Count > 0)
            throw ProblemException.Of(faults.Count == 1 ? "the request has a fault"
                : $"the request has {faults.Count} faults", faults);
    }

    private async Task<IReadOnlyList<ProblemFault>> BodyAsync(HttpContext context, Type contract, bool optional)
    {
        // Read whole: Kestrel holds it to the limit, and the endpoint reads it again.
        var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        body.Position = 0;
        context.Request.Body = body;
        context.Response.RegisterForDisposeAsync(body);
        if (body.Length == 0) return optional ? [] : [new ProblemFault("the body is missing", "#")];
        if (!context.Request.HasJsonContentType())
            throw new ProblemException(ReasonCode.MediaTypeUnsupported, "the body is to be application/json",
                context.Request.ContentType is { } sent ? $"It is said to be {sent}." : "Its media type is not said.");
        try
        {
            using var document = JsonDocument.Parse(body.GetBuffer().AsMemory(0, (int)body.Length));
            return BodyFaults.Of(document.RootElement, contract, _options);
        }
        catch (JsonException e)
        {
            // Lines are counted from 0 there, and columns in bytes.
            return [new ProblemFault($"the body is no JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}: "
                + e.Message.Split(" LineNumber:")[0].Split(" Path:")[0], "#")];
        }
    }

    private static IEnumerable<ProblemFault> QueryFaults(HttpRequest request, RouteEndpoint endpoint)
    {
        var known = KnownParameters.Of(endpoint);
        foreach (var (name, values) in request.Query)
        {
            if (!known.TryGetValue(name, out var type))
                yield return new ProblemFault(known.Count == 0 ? "is unknown; there are no query parameters here"
                    : $"is unknown; there are: {string.Join(", ", known.Keys.Order(StringComparer.Ordinal))}",
                    Parameter: name);
            else if (values.Count > 1)
                yield return new ProblemFault("is there more than once", Parameter: name);
            else if (Demand(type, values[0] ?? "") is { } demand)
                yield return new ProblemFault(demand, Parameter: name);
        }
    }

    private static string? Demand(Type type, string text) => type switch
    {
        _ when type == typeof(Guid) => Guid.TryParse(text, out _) ? null : "must be an id (a UUID)",
        _ when type == typeof(bool) => bool.TryParse(text, out _) ? null : "must be true or false",
        _ when type == typeof(int) || type == typeof(long) =>
            long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)
                ? null : "must be a whole number",
        _ when type == typeof(DateTimeOffset) =>
            DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _)
                ? null : "must be a time like 2026-01-31T12:00:00Z",
        _ => null,
    };
}
