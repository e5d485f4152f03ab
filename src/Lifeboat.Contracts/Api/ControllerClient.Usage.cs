// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    /// <param name="month">`2026-11`; null: the present one.</param>
    public Task<ServiceLevel> ServiceLevelAsync(string group, string? month, CancellationToken ct) =>
        AskAsync<ServiceLevel>(HttpMethod.Get, $"v1/groups/{Escape(group)}/sla"
            + (month is null ? "" : $"?month={Escape(month)}"), null, ct);

    /// <summary>Of all tenants, or of the one that the client is about.</summary>
    /// <param name="month">`2026-11`; null: the present one.</param>
    public Task<UsageReport> UsageAsync(string? month, CancellationToken ct) =>
        AskAsync<UsageReport>(HttpMethod.Get, "v1/usage" + (month is null ? "" : $"?month={Escape(month)}"), null, ct);

    /// <exception cref="ProblemException">PricesUnknown: none was set.</exception>
    public Task<PriceBook> PricesAsync(CancellationToken ct) =>
        AskAsync<PriceBook>(HttpMethod.Get, "v1/usage/prices", null, ct);

    public Task<PriceBook> PutPricesAsync(PriceBook prices, CancellationToken ct) =>
        AskAsync<PriceBook>(HttpMethod.Put, "v1/usage/prices", prices, ct);
}
