// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Sides;

namespace Lifeboat.Recovery.Runs;

/// <summary>A run while this process carries it out: its newest state and what people ask of it.</summary>
internal sealed class Execution(Run run, IOwnSide here, Tenure tenure) : IDisposable
{
    private readonly CancellationTokenSource _cancel = new();
    private readonly CancellationTokenSource _release = new();
    private readonly long _peerBase = run.PeerRequests - here.PeerRequests(run.OtherSite);

    public Run Run { get; private set; } = run;
    public Tenure Tenure => tenure;
    public CancellationToken CancelAsked => _cancel.Token;
    public CancellationToken Released => _release.Token;

    public void Replace(Run next) =>
        Run = next with { PeerRequests = _peerBase + here.PeerRequests(next.OtherSite) };

    public void Apply(RunSignal signal)
    {
        if (signal is RunSignal.Cancel) _cancel.Cancel();
        else _release.Cancel();
    }

    public void Dispose()
    {
        _cancel.Dispose();
        _release.Dispose();
    }
}
