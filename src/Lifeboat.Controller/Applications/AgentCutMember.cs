// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Controller.Applications;

internal sealed class AgentCutMember(AgentClient agent, IReadOnlyList<string> groups) : ICutMember
{
    private CutLine? _line;

    public IReadOnlyList<string> Groups => groups;

    public async Task ReserveAsync(SharedCutRequest request, CancellationToken ct)
    {
        _line = await agent.OpenCutLineAsync(ct);
        await agent.ReserveCutAsync(request, ct);
    }

    public void Ask(CutVerb verb, Guid cut) => Line.Ask(verb, cut);

    public void Answer() => Line.Answer();

    public Task<SharedCutResult> ResultAsync(Guid cut, CancellationToken ct) => agent.CutAsync(cut, ct);

    public Task SettleAsync(Guid cut, bool agreed, CancellationToken ct)
    {
        Interlocked.Exchange(ref _line, null)?.Dispose();
        return agent.SettleCutAsync(cut, new SettleRequest(agreed), ct);
    }

    public async Task<bool> WaitSealedAsync(Guid cut, TimeSpan limit, CancellationToken ct)
    {
        var request = new DrainRequest(limit);
        var waits = await Task.WhenAll(groups.Select(g => agent.WaitSealedAsync(g, cut, request, ct)));
        return waits.All(w => w);
    }

    private CutLine Line => _line ?? throw new InvalidOperationException("nothing is reserved");
}
