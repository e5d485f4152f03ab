// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Api.Description;

/// <summary>What the OpenAPI document says of an operation beyond what its delegate shows.</summary>
/// <param name="Key">Method and route as they are mapped, e.g. `GET /v1/groups/{group}`.</param>
/// <param name="Id">Unique and never changed: the typed client's method is called by it, with `Async` behind.</param>
/// <param name="Summary">One sentence.</param>
/// <param name="Reasons">
/// Why it may be refused, besides what its route and body imply (<see cref="ApiReasons"/>).
/// </param>
internal sealed record ApiOperation(string Key, string Id, string Summary, params ReasonCode[] Reasons)
{
    /// <summary>More than one sentence.</summary>
    public string? Description { get; init; }
    /// <summary>Status of success; 204 has no body.</summary>
    public int Status { get; init; } = 200;
    /// <summary>What it answers with, where the delegate does not show it.</summary>
    public Type? Answer { get; init; }
    public string MediaType { get; init; } = "application/json";
    /// <summary>POST, but nothing is changed by it: no idempotency key.</summary>
    public bool ReadsOnly { get; init; }
    /// <summary>Changes the definition of the group in its route: takes `If-Match`.</summary>
    public bool Edits { get; init; }
    /// <summary>The answer holds a secret, which is kept nowhere: a repetition makes another one.</summary>
    public bool AnswersSecret { get; init; }
    /// <summary>A list: pages and filters.</summary>
    public ListShape? List { get; init; }

    public string Method => Key[..Key.IndexOf(' ', StringComparison.Ordinal)];
    public string Route => Key[(Key.IndexOf(' ', StringComparison.Ordinal) + 1)..];
    /// <summary>May be carried out with nobody waiting for it.</summary>
    public bool MayBeAsync => Method != "GET" && !Edits && !AnswersSecret;
    /// <summary>Takes an idempotency key.</summary>
    public bool Changes => Method != "GET" && !ReadsOnly;
}
