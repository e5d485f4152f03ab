// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling;

/// <summary>
/// Lets one at a time through, in order. A SemaphoreSlim would do, but a cancellable wait for a taken one goes on on
/// the thread pool, outside of the simulator's scheduler.
/// </summary>
public sealed class Turnstile
{
    private readonly Lock _gate = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private bool _taken;

    public async Task EnterAsync(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        TaskCompletionSource mine;
        lock (_gate)
        {
            if (!_taken)
            {
                _taken = true;
                return;
            }
            mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(mine);
        }
        using (ct.UnsafeRegister(static (m, token) => ((TaskCompletionSource)m!).TrySetCanceled(token), mine))
            await mine.Task;
    }

    public void Leave()
    {
        lock (_gate)
        {
            while (_waiting.TryDequeue(out var next))
                if (next.TrySetResult()) return;
            _taken = false;
        }
    }
}
