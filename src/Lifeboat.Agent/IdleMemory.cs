// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Agent;

/// <summary>
/// Gives memory back to the host when the agent has nothing to do. What work has left (young objects, buffers that are
/// kept for the next, what the compiler and the libraries had) stays with a process that allocates no more: nothing
/// makes its collector run.
/// </summary>
internal sealed partial class IdleMemory(TimeProvider time)
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);
    // A collection stops all threads for some milliseconds: not often, and not where anything goes on.
    private static readonly TimeSpan ApartMin = TimeSpan.FromMinutes(1);
    private const double IdleShare = 0.02;   // of one processor
    private const long WorthwhileBytes = 2 << 20;

    private long? _givenAt;
    private long _allocatedThen;

    public async Task RunAsync(CancellationToken ct)
    {
        try
        {
            var (before, at) = (Environment.CpuUsage.TotalTime, time.GetTimestamp());
            while (true)
            {
                await Task.Delay(Look, time, ct);
                var (now, then) = (Environment.CpuUsage.TotalTime, time.GetTimestamp());
                if ((now - before) / time.GetElapsedTime(at, then) < IdleShare && IsWorthwhile()) Give();
                (before, at) = (Environment.CpuUsage.TotalTime, time.GetTimestamp());
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The agent stops.
        }
    }

    private bool IsWorthwhile() => _givenAt is not { } given
        || (time.GetElapsedTime(given) > ApartMin
            && GC.GetTotalAllocatedBytes() - _allocatedThen > WorthwhileBytes);

    private void Give()
    {
        IoRoom.Spare();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        _ = Trim(0);
        (_givenAt, _allocatedThen) = (time.GetTimestamp(), GC.GetTotalAllocatedBytes());
    }

    // What the C library keeps of memory that was freed; a library that knows no such call keeps it.
    private static int Trim(nint pad)
    {
        try
        {
            return MallocTrim(pad);
        }
        catch (EntryPointNotFoundException)
        {
            return 0;
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nint pad);
}
