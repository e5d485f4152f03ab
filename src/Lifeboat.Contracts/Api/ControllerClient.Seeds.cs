// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    /// <summary>Writes a seed of the group; to be asked where its instances run. Hanging up gives it up.</summary>
    public Task<SeedInfo> ExportSeedAsync(string group, SeedRequest request, CancellationToken ct) =>
        AskAsync<SeedInfo>(HttpMethod.Post, $"v1/groups/{Escape(group)}/seed/export", request, ct);

    /// <summary>Verifies a seed and lets the group's replica begin with it; to be asked at the recovery site.</summary>
    public Task<SeedInfo> ImportSeedAsync(string group, SeedRequest request, CancellationToken ct) =>
        AskAsync<SeedInfo>(HttpMethod.Post, $"v1/groups/{Escape(group)}/seed/import", request, ct);

    public Task<SeedProgress> SeedProgressAsync(string group, CancellationToken ct) =>
        AskAsync<SeedProgress>(HttpMethod.Get, $"v1/groups/{Escape(group)}/seed", null, ct);
}
