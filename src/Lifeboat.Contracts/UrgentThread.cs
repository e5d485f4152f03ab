// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Lifeboat.Contracts;

/// <summary>
/// A thread of its own that does a little on time also on a busy host: real-time priority where permitted, else a low
/// nice value where permitted, else as it is. What it calls must be short.
/// </summary>
public static partial class UrgentThread
{
    private const int RoundRobin = 2;   // SCHED_RR
    private const int PriorityOfThread = 0;   // PRIO_PROCESS with a thread id
    private const int Nice = -15;

    /// <summary>Calls <paramref name="tick"/> every <paramref name="interval"/> until cancelled.</summary>
    public static Thread Start(string name, TimeSpan interval, Action tick, CancellationToken ct) =>
        Start(name, () =>
        {
            while (!ct.WaitHandle.WaitOne(interval)) tick();
        });

    /// <summary>Runs it once, from a caller that need not wait.</summary>
    public static Task RunAsync(string name, Action run)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Start(name, () =>
        {
            try
            {
                run();
                done.SetResult();
            }
            catch (Exception e)   // the caller's, who sees it when it waits
            {
                done.SetException(e);
            }
        });
        return done.Task;
    }

    /// <param name="run">Handles its own faults: what leaves it ends the process.</param>
    public static Thread Start(string name, Action run)
    {
        var thread = new Thread(() =>
        {
            Raise();
            run();
        })
        {
            Name = name,
            IsBackground = true,
        };
        thread.Start();
        return thread;
    }

    private static void Raise()
    {
        var lowest = 1;
        if (SetScheduler(0, RoundRobin, ref lowest) == 0) return;
        _ = SetPriority(PriorityOfThread, (uint)ThreadId(), Nice);
    }

    // Both take 0 or a thread id; the new scheduling is of the calling thread alone and its children start without it.
    [LibraryImport("libc", EntryPoint = "sched_setscheduler", SetLastError = true)]
    private static partial int SetScheduler(int thread, int policy, ref int priority);

    [LibraryImport("libc", EntryPoint = "setpriority", SetLastError = true)]
    private static partial int SetPriority(int which, uint thread, int nice);

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int ThreadId();
}
