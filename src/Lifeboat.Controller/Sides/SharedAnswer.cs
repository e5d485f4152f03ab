// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Controller.Sides;

/// <summary>
/// One answer for all who ask within a second: however many look at a list, the agents are asked once for it.
/// </summary>
internal sealed class SharedAnswer<T>(TimeProvider time)
{
    /// <summary>How old an answer may be, from when it was asked for.</summary>
    public static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private Task<T>? _asked;
    private long _since;

    /// <param name="ask">Not with the caller's token: others may wait for the same answer.</param>
    /// <exception cref="OperationCanceledException">The caller gave up, or there was no answer in half a minute.
    /// </exception>
    public Task<T> AskAsync(Func<CancellationToken, Task<T>> ask, CancellationToken ct)
    {
        lock (_gate)
        {
            if (_asked is null || _asked.IsFaulted || _asked.IsCanceled || time.GetElapsedTime(_since) >= Fresh)
                (_asked, _since) = (WithinAsync(ask), time.GetTimestamp());
            return _asked.WaitAsync(ct);
        }
    }

    private async Task<T> WithinAsync(Func<CancellationToken, Task<T>> ask)
    {
        // Nothing of it in the caller's turn, who holds the lock.
        await Task.Yield();
        using var limit = new CancellationTokenSource(Limit, time);
        return await ask(limit.Token);
    }
}
