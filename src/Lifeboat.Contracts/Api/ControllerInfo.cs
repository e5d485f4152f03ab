// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

/// <summary>`GET /v1/controllers`: one of the site's controllers that lives.</summary>
/// <param name="Name">`default`, or as it was added.</param>
/// <param name="Url">Where paired sites reach it.</param>
/// <param name="Groups">The groups that it works on.</param>
/// <param name="IsThis">The one that answers.</param>
public sealed record ControllerInfo(string Name, string Url, DateTimeOffset StartedAt, IReadOnlyList<string> Groups,
    bool IsThis);
