// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Sides;

namespace Lifeboat.Recovery.Runs;

/// <summary>A run while this process carries it out: its newest state and what people ask of it.</summary>
internal sealed class Execution(Run run, IOwnSide here) : IDisposable
{
    private readonly CancellationTokenSource _cancel = new();
    private readonly TaskCompletionSource _released = new();
    private readonly long _peerBase = run.PeerRequests - here.PeerRequests(run.OtherSite);

    public Run Run { get; private set; } = run;
    public CancellationToken CancelAsked => _cancel.Token;
    public Task Released => _released.Task;

    public void Replace(Run next) =>
        Run = next with { PeerRequests = _peerBase + here.PeerRequests(next.OtherSite) };

    public void Apply(RunSignal signal)
    {
        if (signal is RunSignal.Cancel) _cancel.Cancel();
        else _released.TrySetResult();
    }

    public void Dispose() => _cancel.Dispose();
}
