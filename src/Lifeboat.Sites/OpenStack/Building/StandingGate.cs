// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Building;

/// <summary>One at a time at a standing volume. A round gives way to whoever starts an instance from it.</summary>
internal sealed class StandingGate
{
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly Lock _lock = new();
    private CancellationTokenSource? _round;

    /// <summary>Cuts a round short and waits until it has let go.</summary>
    public async Task<IDisposable> EnterAsync(CancellationToken ct)
    {
        lock (_lock) _round?.Cancel();
        await _one.WaitAsync(ct);
        return new Leave(this);
    }

    /// <summary>Does a round's work; when it is cut short this returns as well.</summary>
    public async Task RoundAsync(Func<CancellationToken, Task> work, CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        using var leave = new Leave(this);
        // Ends when whoever asked gives up (ct), or somebody enters; only the former is passed on.
        using var round = CancellationTokenSource.CreateLinkedTokenSource(ct);
        lock (_lock) _round = round;
        try
        {
            await work(round.Token);
        }
        catch (OperationCanceledException) when (round.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            // What it was about says how far it got.
        }
        finally
        {
            lock (_lock) _round = null;
        }
    }

    private sealed class Leave(StandingGate gate) : IDisposable
    {
        public void Dispose() => gate._one.Release();
    }
}
