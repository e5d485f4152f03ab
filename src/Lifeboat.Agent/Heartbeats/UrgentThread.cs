// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Lifeboat.Agent.Heartbeats;

// A thread of its own that does a little often, on time also on a busy host: real-time priority where permitted, else a
// low nice value where permitted, else as it is.
internal static partial class UrgentThread
{
    private const int RoundRobin = 2;   // SCHED_RR
    private const int PriorityOfThread = 0;   // PRIO_PROCESS with a thread id
    private const int Nice = -15;

    /// <summary>Calls <paramref name="tick"/> every <paramref name="interval"/> until cancelled.</summary>
    public static Thread Start(string name, TimeSpan interval, Action tick, CancellationToken ct)
    {
        var thread = new Thread(() =>
        {
            Raise();
            while (!ct.WaitHandle.WaitOne(interval)) tick();
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
