// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Controller.Applications;

internal sealed class AgentCutMember(AgentClient agent, IReadOnlyList<string> groups) : ICutMember
{
    public IReadOnlyList<string> Groups => groups;

    public Task ReserveAsync(SharedCutRequest request, CancellationToken ct) => agent.ReserveCutAsync(request, ct);

    public Task HoldAsync(Guid cut, CancellationToken ct) => agent.HoldCutAsync(cut, ct);

    public Task<SharedCutResult> CutAsync(Guid cut, CancellationToken ct) => agent.CutAsync(cut, ct);

    public Task SettleAsync(Guid cut, bool agreed, CancellationToken ct) =>
        agent.SettleCutAsync(cut, new SettleRequest(agreed), ct);

    public async Task<bool> WaitSealedAsync(Guid cut, TimeSpan limit, CancellationToken ct)
    {
        var request = new DrainRequest(limit);
        var waits = await Task.WhenAll(groups.Select(g => agent.WaitSealedAsync(g, cut, request, ct)));
        return waits.All(w => w);
    }
}
