// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    /// <summary>Newest first; without the runs, which have a list of their own.</summary>
    public Task<IReadOnlyList<Operation>> OperationsAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<Operation>>(HttpMethod.Get, "v1/operations", null, ct);

    /// <summary>Of a change that nobody waits for, or of a run.</summary>
    public Task<Operation> OperationAsync(Guid operation, CancellationToken ct) =>
        AskAsync<Operation>(HttpMethod.Get, $"v1/operations/{operation}", null, ct);
}
