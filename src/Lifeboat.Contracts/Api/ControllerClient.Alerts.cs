// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;

namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    /// <summary>Newest first, 500 at most.</summary>
    /// <param name="all">Also those that are closed.</param>
    public Task<IReadOnlyList<Alert>> AlertsAsync(bool all, string? group, CancellationToken ct) =>
        AskAsync<IReadOnlyList<Alert>>(HttpMethod.Get, $"v1/alerts?all={(all ? "true" : "false")}"
            + (group is null ? "" : $"&group={Escape(group)}"), null, ct);

    /// <summary>Somebody knows of it; it stays open.</summary>
    public Task<Alert> AcknowledgeAlertAsync(Guid alert, CancellationToken ct) =>
        AskAsync<Alert>(HttpMethod.Post, $"v1/alerts/{alert}/acknowledge", null, ct);

    /// <summary>Closes it; while what it says still holds, it is not raised again.</summary>
    public Task<Alert> CloseAlertAsync(Guid alert, CancellationToken ct) =>
        AskAsync<Alert>(HttpMethod.Post, $"v1/alerts/{alert}/close", null, ct);

    public Task<IReadOnlyList<AlertTargetInfo>> AlertTargetsAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<AlertTargetInfo>>(HttpMethod.Get, "v1/alert-targets", null, ct);

    /// <summary>Makes or changes a target.</summary>
    public Task<AlertTargetInfo> PutAlertTargetAsync(string name, AlertTargetRequest request, CancellationToken ct) =>
        AskAsync<AlertTargetInfo>(HttpMethod.Put, $"v1/alert-targets/{Escape(name)}", request, ct);

    public Task RemoveAlertTargetAsync(string name, CancellationToken ct) =>
        TellAsync(HttpMethod.Delete, $"v1/alert-targets/{Escape(name)}", null, ct);

    /// <summary>Sends a test the way that alerts take; what became of it is among the deliveries.</summary>
    public Task<AlertDelivery> TestAlertTargetAsync(string name, CancellationToken ct) =>
        AskAsync<AlertDelivery>(HttpMethod.Post, $"v1/alert-targets/{Escape(name)}/test", null, ct);

    /// <summary>Newest first, 500 at most.</summary>
    public Task<IReadOnlyList<AlertDelivery>> AlertDeliveriesAsync(DeliveryState? state, CancellationToken ct) =>
        AskAsync<IReadOnlyList<AlertDelivery>>(HttpMethod.Get, "v1/alert-deliveries" + (state is { } s
            ? $"?state={JsonNamingPolicy.KebabCaseLower.ConvertName(s.ToString())}" : ""), null, ct);

    /// <summary>Whether the controller can answer, and how its agents and peers are.</summary>
    public Task<Readiness> ReadinessAsync(CancellationToken ct) =>
        AskAsync<Readiness>(HttpMethod.Get, "readyz", null, ct);
}
