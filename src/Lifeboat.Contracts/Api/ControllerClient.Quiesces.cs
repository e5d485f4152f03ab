// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    /// <summary>Returns when it is at rest. It goes on by a thaw, or at the deadline in the answer.</summary>
    public Task<QuiesceInfo> QuiesceInstanceAsync(
        string instance, QuiesceInstanceRequest request, CancellationToken ct) =>
        AskAsync<QuiesceInfo>(HttpMethod.Post, $"v1/instances/{Escape(instance)}/quiesce", request, ct);

    /// <summary>May be repeated; what is not at rest goes on as it does.</summary>
    public Task<QuiesceInfo> ThawInstanceAsync(string instance, ThawRequest request, CancellationToken ct) =>
        AskAsync<QuiesceInfo>(HttpMethod.Post, $"v1/instances/{Escape(instance)}/thaw", request, ct);

    /// <summary>To be asked where the group's instances run.</summary>
    public Task<QuiesceInfo> QuiesceGroupAsync(string group, QuiesceGroupRequest request, CancellationToken ct) =>
        AskAsync<QuiesceInfo>(HttpMethod.Post, $"v1/groups/{Escape(group)}/quiesce", request, ct);

    /// <summary>May be repeated; in reverse order.</summary>
    public Task<QuiesceInfo> ThawGroupAsync(string group, ThawRequest request, CancellationToken ct) =>
        AskAsync<QuiesceInfo>(HttpMethod.Post, $"v1/groups/{Escape(group)}/thaw", request, ct);

    /// <summary>What was brought to rest by request and is not thawed by one, newest first.</summary>
    public Task<IReadOnlyList<QuiesceInfo>> QuiescesAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<QuiesceInfo>>(HttpMethod.Get, "v1/quiesces", null, ct);
}
