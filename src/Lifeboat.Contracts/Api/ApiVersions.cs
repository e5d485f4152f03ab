// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

/// <summary>What `/` answers: the versions of the API, in the form of OpenStack's services.</summary>
public sealed record ApiVersions(IReadOnlyList<ApiVersionInfo> Versions);

/// <summary>What the root of one version answers, e.g. `/v1`.</summary>
public sealed record ApiVersionAnswer(ApiVersionInfo Version);

/// <param name="Id">E.g. `v1.0`.</param>
/// <param name="Status">`CURRENT`: the newest; `SUPPORTED`: an older one that still works.</param>
public sealed record ApiVersionInfo(string Id, string Status, IReadOnlyList<ApiVersionLink> Links);

/// <param name="Rel">`self`: its root; `describedby`: its description.</param>
public sealed record ApiVersionLink(string Rel, string Href);
