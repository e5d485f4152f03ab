// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Benchmarks.Capture;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Benchmarks.Life;

/// <summary>
/// What protecting a sparse disk of a TiB adds to the memory of its QEMU, with writes all over it, so that every page
/// of every map is touched, over several rotations of the change map and while a gap all over it is made up for.
/// </summary>
internal static class MapMemoryBenchmark
{
    private const long Apart = 32L << 20;   // a page of a map with a bit for each 4 KiB is about 128 MiB
    private const long SmallDisk = 1L << 30;
    private const int Block = 4096;
    private static readonly TimeSpan CatchUpLimit = TimeSpan.FromMinutes(6);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);
    // Twice the time after which a source lets go of what it has not needed.
    private static readonly TimeSpan Trimmed = TimeSpan.FromSeconds(7);

    public static async Task<int> RunAsync(string[] options)
    {
        var smoke = options.Contains("--smoke");
        var size = (long)Figures.Number(options, "--gib", smoke ? 16 : 1024) << 30;
        var length = TimeSpan.FromSeconds(smoke ? 0.5 : Figures.Number(options, "--length", 25));
        var places = size / Apart;
        // What an agent takes to work at all is not of the disk: a small one, written to as hard and as long, says how
        // much.
        var small = smoke ? null : await MeasureAsync(SmallDisk, places, length, length / 2);
        var large = await MeasureAsync(size, places, length, smoke ? TimeSpan.Zero : length / 2);
        var tebibytes = size / (double)(1L << 40);
        Console.WriteLine($"a TiB adds to its QEMU {(large.QemuMost - large.QemuBefore) / tebibytes:F1} MiB,"
            + $" {(large.QemuInResync - large.QemuBefore) / tebibytes:F1} in a resync");
        if (small is null) return 0;
        Console.WriteLine($"to the source's agent {(large.Agent - small.Agent) / tebibytes:F1}, in a resync"
            + $" {(large.AgentInResync - small.AgentInResync) / tebibytes:F1}: in a resync together"
            + $" {(large.QemuInResync - large.QemuBefore + large.AgentInResync - small.AgentInResync) / tebibytes:F1}");
        return 0;
    }

    private static async Task<Found> MeasureAsync(long size, long places, TimeSpan length, TimeSpan resyncMin)
    {
        var folder = Directory.CreateTempSubdirectory("lbm").FullName;
        try
        {
            await using var disk = await CapturedDisk.PrepareAsync(folder, sizeBytes: size);
            await using var writer = await BlockWriter.ConnectAsync(disk.Qemu!.LoadSocket);
            await WriteAllOverAsync(writer, size, places);   // what QEMU itself needs for these writes is there before
            var idle = Figures.ResidentMegabytes(disk.SourceAgent);
            var before = Figures.ResidentMegabytes(disk.Qemu.ProcessId);
            await disk.ProtectAsync("maps", Policy.Default);
            var (least, most, agentMost) = await WatchAsync(disk, writer, size, places, length);
            // What it had yet to ship came and went, up to the policy's bound, and was not of the disk.
            if (resyncMin > TimeSpan.Zero) await ShippedAsync(disk);
            var agent = Figures.ResidentMegabytes(disk.SourceAgent);
            Console.WriteLine($"a disk of {size >> 30} GiB, MiB in memory: QEMU {before:F1} before, {least:F1} to"
                + $" {most:F1} protected; the source's agent {idle:F1} before, at most {agentMost:F1}, and {agent:F1}"
                + " when all was shipped; the recovery site's"
                + $" {Figures.ResidentMegabytes(disk.ReplicaAgent):F1}");
            var (qemuInResync, agentInResync) = await CatchUpAsync(disk, writer, size, places, resyncMin);
            Console.WriteLine($"  while it catches up: QEMU {qemuInResync:F1}, the source's agent {agentInResync:F1}");
            if (size > SmallDisk && (most <= before || qemuInResync <= before))
                throw new InvalidOperationException("QEMU took no memory, so this is no measurement");
            return new Found(before, most, qemuInResync, agent, agentInResync);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task ShippedAsync(CapturedDisk disk)
    {
        for (var waited = Stopwatch.StartNew(); (await disk.StatusAsync()).Outbox is { MemoryBytes: > 0 };)
        {
            if (waited.Elapsed > CatchUpLimit) throw new InvalidOperationException("what was written is not shipped");
            await Task.Delay(Look);
        }
        await Task.Delay(Trimmed);
    }

    private static async Task<(double Least, double Most, double AgentMost)> WatchAsync(
        CapturedDisk disk, BlockWriter writer, long size, long places, TimeSpan length)
    {
        await WriteAllOverAsync(writer, size, places);
        var (least, most) = (double.MaxValue, 0.0);
        var agent = 0.0;
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < length)
        {
            var writing = WriteAllOverAsync(writer, size, places);
            do
            {
                var now = Figures.ResidentMegabytes(disk.Qemu!.ProcessId);
                (least, most) = (Math.Min(least, now), Math.Max(most, now));
                agent = Math.Max(agent, Figures.ResidentMegabytes(disk.SourceAgent));
                await Task.Delay(Look);
            }
            while (!writing.IsCompleted);
            await writing;
        }
        return (least, most, agent);
    }

    // The gap is all over the disk, and so is what is written while it is pulled.
    private static async Task<(double Qemu, double Agent)> CatchUpAsync(
        CapturedDisk disk, BlockWriter writer, long size, long places, TimeSpan atLeast)
    {
        await disk.KillAgentAsync(source: true);
        await WriteAllOverAsync(writer, size, places);
        await disk.StartAgentAsync(source: true);
        // 32768 places are asked about, while all CPUs are busy with writes to as many.
        var began = Stopwatch.GetTimestamp();
        var took = TimeSpan.Zero;
        var caughtUp = CaughtUpAsync();
        var (qemu, agent) = (0.0, 0.0);
        do
        {
            var writing = WriteAllOverAsync(writer, size, places);
            do
            {
                qemu = Math.Max(qemu, Figures.ResidentMegabytes(disk.Qemu!.ProcessId));
                agent = Math.Max(agent, Figures.ResidentMegabytes(disk.SourceAgent));
                await Task.Delay(Look);
            }
            while (!writing.IsCompleted);
            await writing;
        }
        while (!caughtUp.IsCompleted || Stopwatch.GetElapsedTime(began) < atLeast);
        if ((await caughtUp).LastResync != ResyncKind.ChangeMap)
            throw new InvalidOperationException("it caught up without a change map, so this is no measurement");
        Console.WriteLine($"  caught up in {took.TotalSeconds:F0} s");
        return (qemu, agent);

        async Task<SourceStatus> CaughtUpAsync()
        {
            var status = await disk.StreamingAsync(CatchUpLimit);
            took = Stopwatch.GetElapsedTime(began);
            return status;
        }
    }

    // So many writes: on a disk that has fewer places, to each again and again.
    private static async Task WriteAllOverAsync(BlockWriter writer, long size, long places)
    {
        for (long next = 0; next < places; next += 16)
            await Task.WhenAll(Enumerable.Range(0, 16)
                .Select(i => writer.WriteAsync((next + i) * Apart % size, Block)));
    }

    private sealed record Found(
        double QemuBefore, double QemuMost, double QemuInResync, double Agent, double AgentInResync);
}
