// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    /// <summary>Reads all of a recovery point; to be asked at the recovery site. Hanging up gives it up.</summary>
    public Task<GroupDigest> PointDigestAsync(string group, Guid point, CancellationToken ct) =>
        AskAsync<GroupDigest>(HttpMethod.Post, $"v1/groups/{Escape(group)}/points/{point}/digest", null, ct);

    /// <summary>As <see cref="PointDigestAsync"/>, of the newest point that is not damaged.</summary>
    public Task<GroupDigest> NewestPointDigestAsync(string group, CancellationToken ct) =>
        AskAsync<GroupDigest>(HttpMethod.Post, $"v1/groups/{Escape(group)}/points/digest", null, ct);

    /// <summary>
    /// Reads all of a group's disks where they run; WrongState while an instance is running and not paused.
    /// </summary>
    public Task<GroupDigest> SourceDigestAsync(string group, CancellationToken ct) =>
        AskAsync<GroupDigest>(HttpMethod.Post, $"v1/groups/{Escape(group)}/digest", null, ct);
}
