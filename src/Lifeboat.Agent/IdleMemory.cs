// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Agent;

/// <summary>
/// Gives memory back to the host when the agent has nothing to do. What work has left (young objects, buffers that are
/// kept for the next, what the compiler and the libraries had) stays with a process that allocates no more: nothing
/// makes its collector run.
/// </summary>
/// <param name="work">Counts writes that were captured and blocks of 4 KiB that were received.</param>
/// <param name="spare">Lets go of what is kept for the next of it.</param>
internal sealed partial class IdleMemory(Func<long> work, Func<CancellationToken, Task> spare, TimeProvider time)
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);
    // A collection stops all threads for some milliseconds: not often, and not where anything goes on.
    private static readonly TimeSpan ApartMin = TimeSpan.FromMinutes(1);
    // Of one processor. Whoever watches hundreds of disks takes a few percent for that alone, so this is no sign that
    // anything goes on; a compare or a scrub that goes on is one.
    private const double IdleShare = 0.25;
    private const long IdleWork = 50; // in the time of a look: guests that do nothing write their logs still
    private const long WorthwhileBytes = 2 << 20;

    private long? _givenAt;
    private long _allocatedThen;

    public async Task RunAsync(CancellationToken ct)
    {
        try
        {
            var before = Now();
            while (true)
            {
                await Task.Delay(Look, time, ct);
                var now = Now();
                if (now.Work - before.Work <= IdleWork
                    && (now.Processor - before.Processor) / time.GetElapsedTime(before.At, now.At) < IdleShare
                    && IsWorthwhile()) await GiveAsync(ct);
                before = Now();
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The agent stops.
        }
    }

    private (long Work, TimeSpan Processor, long At) Now() =>
        (work(), Environment.CpuUsage.TotalTime, time.GetTimestamp());

    private bool IsWorthwhile() => _givenAt is not { } given
        || (time.GetElapsedTime(given) > ApartMin
            && GC.GetTotalAllocatedBytes() - _allocatedThen > WorthwhileBytes);

    private async Task GiveAsync(CancellationToken ct)
    {
        await spare(ct);
        CodePages.Unmap(); // what this allocates is collected with the rest
        IoRoom.Spare();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        Trim();
        (_givenAt, _allocatedThen) = (time.GetTimestamp(), GC.GetTotalAllocatedBytes());
    }

    // What the C library keeps of memory that was freed. Not every one has this call, and without it nothing is lost.
    private static void Trim()
    {
        try
        {
            _ = MallocTrim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // musl
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nint pad);
}
