// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Benchmarks.Capture;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Benchmarks.Life;

/// <summary>
/// What goes over the link to catch up, next to what the guest changed meanwhile: the recovery site gone for a while,
/// an outage longer than the outbox, and the source's agent killed or restarted under writes.
/// </summary>
internal static class ResyncBenchmark
{
    private const int Block = 4096;
    private const int Blocks = 4096;   // 16 MiB
    private const int CrashesMax = 5;
    private static readonly Policy Roomy = Policy.Default with { OutboxBytes = 256L << 20 };

    public static async Task<int> RunAsync(string[] options)
    {
        var outage = TimeSpan.FromSeconds(options.Contains("--smoke") ? 0.5 : Figures.Number(options, "--outage", 10));
        var folder = Directory.CreateTempSubdirectory("lbr").FullName;
        try
        {
            await using var disk = await CapturedDisk.PrepareAsync(folder);
            await using var writer = await BlockWriter.ConnectAsync(disk.Qemu!.LoadSocket);
            var idle = (Figures.ResidentMegabytes(disk.SourceAgent), Figures.ResidentMegabytes(disk.ReplicaAgent));
            Console.WriteLine($"idle agents: {idle.Item1:F0} and {idle.Item2:F0} MB in memory");
            Console.WriteLine(
                $"{Blocks * Block >> 20} MiB changed in blocks of {Block} during {outage.TotalSeconds} s");
            Console.WriteLine($"{"what happened",-34} {"changed",8} {"moved",8} {"ratio",6} {"caught up s",11}  how");
            await disk.ProtectAsync("roomy", Roomy);
            await OutageAsync(disk, writer, "recovery site gone", outage);
            await SourceGoneAsync(disk, writer, "source agent kill -9", outage, disk.KillAgentAsync);
            await SourceGoneAsync(disk, writer, "source agent stopped and started", outage, disk.StopAgentAsync);
            await disk.UnprotectAsync();
            await disk.ProtectAsync("small", Roomy with { OutboxBytes = 4 << 20 });
            await OutageAsync(disk, writer, "recovery site gone, outbox 4 MiB", outage);
            await disk.UnprotectAsync();
            await disk.ProtectAsync("crash", Roomy);
            await HostCrashAsync(disk, writer);
            Console.WriteLine($"agents at the end: {Figures.ResidentMegabytes(disk.SourceAgent):F0} and"
                + $" {Figures.ResidentMegabytes(disk.ReplicaAgent):F0} MB in memory");
            await LargeDiskAsync(Path.Combine(folder, "large"), options.Contains("--smoke") ? 16L << 30 : 1L << 40);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task OutageAsync(CapturedDisk disk, BlockWriter writer, string name, TimeSpan outage)
    {
        await disk.SettleAsync();
        var before = (await disk.StatusAsync()).ShippedBytes;
        await disk.KillAgentAsync(source: false);
        await writer.ChangeAsync(Blocks, Block, LoadedQemu.DiskBytes);
        await Task.Delay(outage);
        await disk.StartAgentAsync(source: false);
        await ReportAsync(disk, name, async () => (await disk.StatusAsync()).ShippedBytes - before);
    }

    private static async Task SourceGoneAsync(
        CapturedDisk disk, BlockWriter writer, string name, TimeSpan outage, Func<bool, Task> end)
    {
        await disk.SettleAsync();
        var before = (await disk.Replica.ReplicaAsync("roomy", default)).ReceivedBytes;
        var writing = writer.ChangeAsync(Blocks, Block, LoadedQemu.DiskBytes);   // some of it before, some after
        await Task.Delay(20);
        await end(true);
        await writing;
        await Task.Delay(outage);
        await disk.StartAgentAsync(source: true);
        await ReportAsync(disk, name,
            async () => (await disk.Replica.ReplicaAsync("roomy", default)).ReceivedBytes - before);
    }

    // QEMU and agent end in the middle of writes. What is missing then is counted block by block, and nothing tells the
    // agent of it: the change maps went with QEMU.
    private static async Task HostCrashAsync(CapturedDisk disk, BlockWriter writer)
    {
        // On a quiet machine nothing may be on its way in the moment of the crash.
        for (var crash = 0; crash < CrashesMax; crash++)
            if (await CrashHostOnceAsync(disk, writer)) return;
        Console.WriteLine($"  in {CrashesMax} crashes nothing was missing: nothing is measured");
    }

    private static async Task<bool> CrashHostOnceAsync(CapturedDisk disk, BlockWriter writer)
    {
        await disk.SettleAsync();
        var writing = writer.ChangeUntilGoneAsync(Block, LoadedQemu.DiskBytes);
        await Task.Delay(1000);
        await disk.CrashHostAsync();
        var written = await writing;
        await disk.StopAgentAsync(source: false);
        var missing = await MissingBlocks.CountAsync(disk.RecoverySite, disk.Group, disk.Qemu!.Image) * Block;
        await disk.StartAgentAsync(source: false);
        var start = Stopwatch.GetTimestamp();
        await disk.BootHostAsync();
        var now = await disk.StreamingAsync();
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Console.WriteLine($"{"host crash, maps lost",-34} {missing / 1048576.0,8:F3}"
            + $" {now.ResyncMovedBytes / 1048576.0,8:F3} {(double)now.ResyncMovedBytes / missing,6:F2}"
            + $" {seconds,11:F2}  {now.LastResync}");
        Console.WriteLine($"  of {written / 1048576.0:F1} MiB written in {disk.Qemu!.SizeBytes >> 20} MiB;"
            + $" {now.ResyncExaminedBytes / 1048576.0:F0} MiB read, {now.ResyncDigestBytes / 1024.0:F1} KiB of digests."
            + " changed: written and not there");
        if (now.LastResync != Contracts.Agents.ResyncKind.HashCompare)
            throw new InvalidOperationException($"it caught up by {now.LastResync}, so this is no measurement");
        return missing > 0;
    }

    private static async Task LargeDiskAsync(string folder, long sizeBytes)
    {
        await using var disk = await CapturedDisk.PrepareAsync(folder, filled: true, sizeBytes);
        await disk.ProtectAsync("large", Roomy);
        await disk.SettleAsync();
        await disk.CrashHostAsync();
        var start = Stopwatch.GetTimestamp();
        await disk.BootHostAsync();
        var now = await disk.StreamingAsync();
        Console.WriteLine($"an unchanged disk of {sizeBytes >> 30} GiB, {LoadedQemu.DiskBytes >> 20} MiB of it stored:"
            + $" {now.LastResync} in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s,"
            + $" {now.ResyncExaminedBytes >> 20} MiB read, {now.ResyncDigestBytes / 1024.0:F0} KiB of digests,"
            + $" {now.ResyncMovedBytes} bytes moved");
    }

    private static async Task ReportAsync(CapturedDisk disk, string name, Func<Task<long>> moved)
    {
        var start = Stopwatch.GetTimestamp();
        await disk.StreamingAsync();
        await disk.SettleAsync();
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var (changed, bytes) = ((long)Blocks * Block, await moved());
        Console.WriteLine($"{name,-34} {changed / 1048576.0,8:F1} {bytes / 1048576.0,8:F1}"
            + $" {(double)bytes / changed,6:F2} {seconds,11:F2}  {(await disk.StatusAsync()).LastResync}");
        if (bytes == 0) throw new InvalidOperationException($"{name}: nothing was moved, so this is no measurement");
    }
}
