// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication;

/// <summary>
/// Wakes one waiting loop. Setting before the wait is remembered, setting twice is once. Set from any thread;
/// continuations never run inside <see cref="Set"/>. A loop looks at the state again after every wait, also one that
/// timed out: the wake-up may have gone to the wait that was given up.
/// </summary>
internal sealed class Signal
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _waiter;
    private bool _set;

    public void Set()
    {
        lock (_gate)
        {
            _set = _waiter is null || !_waiter.TrySetResult();
            _waiter = null;
        }
    }

    public async Task WaitAsync(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (Arm() is not { } waiter) return;
        using (ct.UnsafeRegister(static (w, token) => ((TaskCompletionSource)w!).TrySetCanceled(token), waiter))
            await waiter.Task;
    }

    /// <returns>False when the time was up first.</returns>
    public Task<bool> WaitAsync(TimeSpan limit, TimeProvider time, CancellationToken ct) =>
        Waiting.ForAsync(WaitAsync, limit, time, ct);

    private TaskCompletionSource? Arm()
    {
        lock (_gate)
        {
            if (!_set) return _waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _set = false;
            return null;
        }
    }
}
