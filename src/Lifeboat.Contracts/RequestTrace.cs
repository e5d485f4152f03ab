// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Diagnostics;

namespace Lifeboat.Contracts;

/// <summary>
/// The id of the request that is being carried out. It follows the work through every await, goes out with requests to
/// agents and other sites, and stands in every line of log that any of them writes about it.
/// </summary>
/// <param name="Id">As the caller gave it, or made here.</param>
/// <param name="Parent">W3C `traceparent` of the caller; null: it sent none.</param>
public sealed record RequestTrace(string Id, string? Parent)
{
    public const string Header = "X-Request-Id";
    public const string ParentHeader = "traceparent";
    /// <summary>As services of OpenStack hand ids to each other.</summary>
    public const string OpenStackHeader = "X-Openstack-Request-Id";
    private const string OpenStackPrefix = "req-";
    private const int LengthMax = 128;
    private const int ParentLength = 55;

    private static readonly AsyncLocal<RequestTrace?> Ambient = new();
    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:");

    /// <summary>The id in the form of OpenStack's services, `req-UUID`, where it can be brought into it.</summary>
    public string OpenStackId => Guid.TryParse(Id, out var id) ? $"{OpenStackPrefix}{id}" : Id;

    public static RequestTrace? Current
    {
        get => Ambient.Value;
        set => Ambient.Value = value;
    }

    /// <summary>
    /// What came in with a request. An id that could break a line of log is not taken; then, and when none came, it is
    /// the trace id of `traceparent`, and without that a new one.
    /// </summary>
    public static RequestTrace Accept(string? id, string? parent, Func<string> make)
    {
        if (!IsParent(parent)) parent = null;
        if (id is { Length: > 0 and <= LengthMax } && !id.AsSpan().ContainsAnyExcept(Allowed))
            return new RequestTrace(id, parent);
        return new RequestTrace(parent?.Split('-')[1] ?? make(), parent);
    }

    /// <summary>
    /// Lets a request to another process carry the id of the one that it is made for. Where this process has a span,
    /// the HTTP client says which one: given the caller's instead, what the other process does would hang beside it.
    /// </summary>
    public static void AddTo(HttpRequestMessage request)
    {
        if (Current is not { } trace) return;
        request.Headers.TryAddWithoutValidation(Header, trace.Id);
        if (Activity.Current is null && trace.Parent is { } parent)
            request.Headers.TryAddWithoutValidation(ParentHeader, parent);
    }

    // 00-<32 hex>-<16 hex>-<2 hex>, https://www.w3.org/TR/trace-context/#traceparent-header
    private static bool IsParent(string? text) => text is { Length: ParentLength } && text.Split('-') is
        [{ Length: 2 }, { Length: 32 } trace, { Length: 16 } span, { Length: 2 }]
        && text.All(c => c is '-' || char.IsAsciiHexDigitLower(c)) && trace.Any(c => c != '0')
        && span.Any(c => c != '0');
}
