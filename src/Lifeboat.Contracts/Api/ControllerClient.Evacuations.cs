// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    /// <summary>What an evacuation would do, how long it would take, and all that is in its way.</summary>
    public Task<EvacuationPlan> PlanEvacuationAsync(StartEvacuationRequest request, CancellationToken ct) =>
        AskAsync<EvacuationPlan>(HttpMethod.Post, "v1/evacuations/plan", request, ct);

    /// <summary>Moves groups to this site in waves; returns when it is begun.</summary>
    public Task<EvacuationInfo> StartEvacuationAsync(StartEvacuationRequest request, CancellationToken ct) =>
        AskAsync<EvacuationInfo>(HttpMethod.Post, "v1/evacuations", request, ct);

    /// <summary>Newest first.</summary>
    public Task<IReadOnlyList<EvacuationInfo>> EvacuationsAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<EvacuationInfo>>(HttpMethod.Get, "v1/evacuations", null, ct);

    public Task<EvacuationInfo> EvacuationAsync(Guid evacuation, CancellationToken ct) =>
        AskAsync<EvacuationInfo>(HttpMethod.Get, $"v1/evacuations/{evacuation}", null, ct);

    /// <summary>No new run begins until it is resumed; those under way go on.</summary>
    public Task<EvacuationInfo> PauseEvacuationAsync(Guid evacuation, CancellationToken ct) =>
        AskAsync<EvacuationInfo>(HttpMethod.Post, $"v1/evacuations/{evacuation}/pause", null, ct);

    public Task<EvacuationInfo> ResumeEvacuationAsync(Guid evacuation, CancellationToken ct) =>
        AskAsync<EvacuationInfo>(HttpMethod.Post, $"v1/evacuations/{evacuation}/resume", null, ct);

    /// <summary>Lets the next wave begin of one that waits between two (WrongState else).</summary>
    public Task<EvacuationInfo> ContinueEvacuationAsync(Guid evacuation, CancellationToken ct) =>
        AskAsync<EvacuationInfo>(HttpMethod.Post, $"v1/evacuations/{evacuation}/continue", null, ct);

    /// <summary>Runs under way go on to their end, no new one begins.</summary>
    public Task<EvacuationInfo> CancelEvacuationAsync(Guid evacuation, CancellationToken ct) =>
        AskAsync<EvacuationInfo>(HttpMethod.Post, $"v1/evacuations/{evacuation}/cancel", null, ct);
}
