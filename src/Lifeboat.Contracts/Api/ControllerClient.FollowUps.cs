// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    /// <summary>Newest first.</summary>
    /// <param name="closed">Those that somebody closed, too; of these the newest 500.</param>
    public Task<IReadOnlyList<FollowUp>> FollowUpsAsync(bool closed, CancellationToken ct) =>
        AskAsync<IReadOnlyList<FollowUp>>(
            HttpMethod.Get, closed ? "v1/followups?closed=true" : "v1/followups", null, ct);

    /// <summary>One that is closed already stays as it was closed.</summary>
    public Task<FollowUp> CloseFollowUpAsync(Guid id, CloseFollowUpRequest request, CancellationToken ct) =>
        AskAsync<FollowUp>(HttpMethod.Post, $"v1/followups/{id}/close", request, ct);
}
