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
    private const int Block = 4096;
    private static readonly TimeSpan CatchUpLimit = TimeSpan.FromMinutes(6);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    public static async Task<int> RunAsync(string[] options)
    {
        var smoke = options.Contains("--smoke");
        var size = smoke ? 16L << 30 : 1L << 40;
        var length = TimeSpan.FromSeconds(smoke ? 0.5 : Figures.Number(options, "--length", 25));
        var folder = Directory.CreateTempSubdirectory("lbm").FullName;
        try
        {
            await using var disk = await CapturedDisk.PrepareAsync(folder, sizeBytes: size);
            await using var writer = await BlockWriter.ConnectAsync(disk.Qemu!.LoadSocket);
            await WriteAllOverAsync(writer, size);   // what QEMU itself needs for these writes is there before
            var agents = (Figures.ResidentMegabytes(disk.SourceAgent), Figures.ResidentMegabytes(disk.ReplicaAgent));
            var before = Figures.ResidentMegabytes(disk.Qemu.ProcessId);
            await disk.ProtectAsync("maps", Policy.Default);
            var (least, most) = await WatchAsync(disk, writer, size, length);
            var tebibytes = size / (double)(1L << 40);
            Console.WriteLine($"a disk of {size >> 30} GiB, MiB of QEMU's memory: {before:F1} before, then"
                + $" {least:F1} to {most:F1}; added for each TiB {(least - before) / tebibytes:F1}"
                + $" to {(most - before) / tebibytes:F1}");
            Console.WriteLine($"agents: {agents.Item1:F0} and {agents.Item2:F0} MiB before,"
                + $" {Figures.ResidentMegabytes(disk.SourceAgent):F0} and"
                + $" {Figures.ResidentMegabytes(disk.ReplicaAgent):F0} after");
            var (qemu, agent) = await CatchUpAsync(disk, writer, size);
            Console.WriteLine($"while it catches up and is written all over again: QEMU {qemu:F1} MiB,"
                + $" added for each TiB {(qemu - before) / tebibytes:F1}; the source's agent {agent:F0} MiB");
            if (most <= before || qemu <= before)
                throw new InvalidOperationException("QEMU took no memory, so this is no measurement");
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<(double Least, double Most)> WatchAsync(
        CapturedDisk disk, BlockWriter writer, long size, TimeSpan length)
    {
        await WriteAllOverAsync(writer, size);
        var (least, most) = (double.MaxValue, 0.0);
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < length)
        {
            var writing = WriteAllOverAsync(writer, size);
            do
            {
                var now = Figures.ResidentMegabytes(disk.Qemu!.ProcessId);
                (least, most) = (Math.Min(least, now), Math.Max(most, now));
                await Task.Delay(Look);
            }
            while (!writing.IsCompleted);
            await writing;
        }
        return (least, most);
    }

    // The gap is all over the disk, and so is what is written while it is pulled.
    private static async Task<(double Qemu, double Agent)> CatchUpAsync(
        CapturedDisk disk, BlockWriter writer, long size)
    {
        await disk.KillAgentAsync(source: true);
        await WriteAllOverAsync(writer, size);
        await disk.StartAgentAsync(source: true);
        // 32768 places are asked about one after the other, while all CPUs are busy with writes to as many.
        var began = Stopwatch.GetTimestamp();
        var caughtUp = disk.StreamingAsync(CatchUpLimit);
        var (qemu, agent) = (0.0, 0.0);
        do
        {
            var writing = WriteAllOverAsync(writer, size);
            do
            {
                qemu = Math.Max(qemu, Figures.ResidentMegabytes(disk.Qemu!.ProcessId));
                agent = Math.Max(agent, Figures.ResidentMegabytes(disk.SourceAgent));
                await Task.Delay(Look);
            }
            while (!writing.IsCompleted);
            await writing;
        }
        while (!caughtUp.IsCompleted);
        if ((await caughtUp).LastResync != ResyncKind.ChangeMap)
            throw new InvalidOperationException("it caught up without a change map, so this is no measurement");
        Console.WriteLine($"caught up in {Stopwatch.GetElapsedTime(began).TotalSeconds:F0} s");
        return (qemu, agent);
    }

    private static async Task WriteAllOverAsync(BlockWriter writer, long size)
    {
        for (long at = 0; at < size; at += 16 * Apart)
            await Task.WhenAll(Enumerable.Range(0, 16).Select(i => writer.WriteAsync(at + i * Apart, Block)));
    }
}
