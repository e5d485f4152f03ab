// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    /// <summary>Opens a point in time as NBD exports. To be asked at the group's recovery site.</summary>
    public Task<ViewInfo> OpenViewAsync(string group, ViewRequest request, CancellationToken ct) =>
        AskAsync<ViewInfo>(HttpMethod.Post, $"v1/groups/{Escape(group)}/views", request, ct);

    /// <summary>Closes a view; what was written to it is dropped. Closing what is closed succeeds.</summary>
    public Task CloseViewAsync(string group, string view, CancellationToken ct) =>
        TellAsync(HttpMethod.Delete, $"v1/groups/{Escape(group)}/views/{Escape(view)}", null, ct);
}
