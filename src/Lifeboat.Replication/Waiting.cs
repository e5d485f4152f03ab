// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication;

internal static class Waiting
{
    /// <summary>Waits for something cancellable, but no longer than the limit.</summary>
    /// <returns>False when the time was up first; the wait is then cancelled.</returns>
    public static async Task<bool> ForAsync(Func<CancellationToken, Task> wait, TimeSpan limit, TimeProvider time,
        CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        // Both through ComeBackAsync: what completes asynchronously would go on with WhenAny on the thread pool.
        var waited = ComeBackAsync(wait(stop.Token));
        var delay = ComeBackAsync(Task.Delay(limit, time, stop.Token));
        var first = await Task.WhenAny(waited, delay);
        stop.Cancel(); // not CancelAsync: that runs callbacks on the thread pool
        ct.ThrowIfCancellationRequested();
        if (first != waited && !waited.IsCompletedSuccessfully) return false;
        await waited;
        return true;
    }

    /// <summary>
    /// A cancellable wait for a source whose continuations run asynchronously. Task.WaitAsync alone would go on on the
    /// thread pool, outside of the simulator's scheduler.
    /// </summary>
    public static Task<T> ArriveAsync<T>(this Task<T> task, CancellationToken ct) => ComeBackAsync(task).WaitAsync(ct);

    public static Task ArriveAsync(this Task task, CancellationToken ct) => ComeBackAsync(task).WaitAsync(ct);

    private static async Task<T> ComeBackAsync<T>(Task<T> task) => await task;
    private static async Task ComeBackAsync(Task task) => await task;
}
