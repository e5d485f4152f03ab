// SPDX-License-Identifier: Apache-2.0
using System.Collections.Frozen;

namespace Lifeboat.Controller.Api.Description;

/// <summary>
/// The operations of `/v1`, as the OpenAPI document tells them. An endpoint that is not listed here is in the document
/// all the same, and the document's test says so.
/// </summary>
internal static partial class ApiOperations
{
    public static FrozenDictionary<string, ApiOperation> All { get; } =
        new[]
        {
            Site, Instances, Groups, Points, Runs, Alerts, Quiesces, Access, Usage, Policies, Evacuations, Projects,
        }
            .SelectMany(o => o)
            .ToFrozenDictionary(o => o.Key, StringComparer.Ordinal);

    /// <summary>The noun behind `/v1/`: the document's tag.</summary>
    public static string TagOf(string route) => route.Split('/') switch
    {
        ["", "v1", "groups", _, "plan" or "runs", ..] or ["", "v1", "plans"] => "runs",
        ["", "v1", "groups", _, "points" or "views", ..] => "points",
        ["", "v1", { } noun, ..] => noun,
        _ => "site",
    };
}
