// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication;

/// <summary>
/// Waits with an end. What is awaited here is always a source of our own whose only continuation is that await:
/// Task.WaitAsync and Task.WhenAny may go on on the thread pool, outside of the simulator's scheduler.
/// </summary>
internal static class Waiting
{
    private const ConfigureAwaitOptions Quietly =
        ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext;

    /// <summary>Waits for something cancellable, but no longer than the limit.</summary>
    /// <returns>False when the time was up first; the wait is then cancelled.</returns>
    public static async Task<bool> ForAsync(Func<CancellationToken, Task> wait, TimeSpan limit, TimeProvider time,
        CancellationToken ct)
    {
        // Ends when the caller is cancelled (ct) or the time is up; only the first is told as a cancellation.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var waited = wait(stop.Token);
        if (!waited.IsCompleted)
        {
            var first = NewSource();
            _ = NoteAsync(waited, first);
            using var timer = time.CreateTimer(static f => ((TaskCompletionSource)f!).TrySetResult(), first, limit,
                Timeout.InfiniteTimeSpan);
            using var cancelled = Cancelling(first, ct);
            await first.Task;
        }
        if (!waited.IsCompleted) stop.Cancel(); // not CancelAsync: that runs callbacks on the thread pool
        if (!waited.IsCompletedSuccessfully && (!waited.IsCompleted || stop.IsCancellationRequested))
        {
            ct.ThrowIfCancellationRequested();
            return false;
        }
        await waited;
        return true;
    }

    /// <summary>Waits for a task that cannot be cancelled itself.</summary>
    public static async Task<T> ArriveAsync<T>(this Task<T> task, CancellationToken ct)
    {
        await ((Task)task).ArriveAsync(ct);
        return await task;
    }

    /// <inheritdoc cref="ArriveAsync{T}"/>
    public static async Task ArriveAsync(this Task task, CancellationToken ct)
    {
        if (!task.IsCompleted)
        {
            ct.ThrowIfCancellationRequested();
            var first = NewSource();
            _ = NoteAsync(task, first);
            using (Cancelling(first, ct)) await first.Task;
        }
        await task;
    }

    /// <summary>The first of several to complete, well or badly.</summary>
    public static async Task AnyAsync(IReadOnlyList<Task> tasks)
    {
        var first = NewSource();
        foreach (var task in tasks) _ = NoteAsync(task, first);
        await first.Task;
    }

    /// <summary>Waits until a task has ended; how it did is for others to look at.</summary>
    public static async Task EndAsync(Task task) => await task.ConfigureAwait(Quietly);

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static CancellationTokenRegistration Cancelling(TaskCompletionSource first, CancellationToken ct) =>
        ct.UnsafeRegister(static (f, token) => ((TaskCompletionSource)f!).TrySetCanceled(token), first);

    private static async Task NoteAsync(Task task, TaskCompletionSource first)
    {
        await task.ConfigureAwait(Quietly);
        first.TrySetResult();
    }
}
