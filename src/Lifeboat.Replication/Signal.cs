// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication;

/// <summary>
/// Wakes one waiting loop. Setting before the wait is remembered, setting twice is once. Set from any thread;
/// continuations never run inside <see cref="Set"/>. A loop looks at the state again after every wait, also one that
/// timed out. A wait whose time is up ends without an exception: hundreds of loops of an idle agent do nothing else.
/// </summary>
internal sealed class Signal
{
    private readonly Lock _gate = new();
    private TaskCompletionSource<bool>? _waiter;
    private bool _set;

    public void Set()
    {
        lock (_gate)
        {
            _set = _waiter is null || !_waiter.TrySetResult(true);
            _waiter = null;
        }
    }

    public async Task WaitAsync(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (Arm() is not { } waiter) return;
        using (Cancelling(waiter, ct)) await waiter.Task;
    }

    /// <returns>False when the time was up first.</returns>
    public async Task<bool> WaitAsync(TimeSpan limit, TimeProvider time, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (Arm() is not { } waiter) return true;
        using var timer = time.CreateTimer(static w => ((TaskCompletionSource<bool>)w!).TrySetResult(false), waiter,
            limit, Timeout.InfiniteTimeSpan);
        using (Cancelling(waiter, ct)) return await waiter.Task;
    }

    private static CancellationTokenRegistration Cancelling(TaskCompletionSource<bool> waiter, CancellationToken ct) =>
        ct.UnsafeRegister(static (w, token) => ((TaskCompletionSource<bool>)w!).TrySetCanceled(token), waiter);

    private TaskCompletionSource<bool>? Arm()
    {
        lock (_gate)
        {
            if (!_set)
                return _waiter = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            _set = false;
            return null;
        }
    }
}
