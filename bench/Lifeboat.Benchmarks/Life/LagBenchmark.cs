// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Benchmarks.Capture;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Benchmarks.Life;

/// <summary>How old the oldest write is that the recovery site has not, at three loads of a capped link.</summary>
internal static class LagBenchmark
{
    private const int Block = 16 << 10;
    private const int RecordHead = 64;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);

    public static async Task<int> RunAsync(string[] options)
    {
        var smoke = options.Contains("--smoke");
        var seconds = smoke ? 1 : Figures.Number(options, "--length", 10);
        var cap = (long)Figures.Number(options, "--cap", 8 << 20);
        var folder = Directory.CreateTempSubdirectory("lbl").FullName;
        try
        {
            await using var disk = await CapturedDisk.PrepareAsync(folder);
            await using var writer = await BlockWriter.ConnectAsync(disk.Qemu!.LoadSocket);
            await disk.ProtectAsync("lag", Policy.Default with { OutboxBytes = 256L << 20, ShipBytesPerSecond = cap });
            Console.WriteLine($"a link of {cap >> 20} MiB/s, writes of {Block >> 10} KiB for {seconds} s,"
                + $" load average at the start {Figures.Load()}");
            Console.WriteLine($"{"load",5} {"written MiB/s",13} {"lag p50 ms",10} {"p99 ms",8} {"longest ms",10}");
            foreach (var share in smoke ? [0.5] : new[] { 0.2, 0.5, 0.8 })
                await MeasureAsync(disk, writer, share, cap, TimeSpan.FromSeconds(seconds));
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task MeasureAsync(
        CapturedDisk disk, BlockWriter writer, double share, long cap, TimeSpan length)
    {
        var start = Stopwatch.GetTimestamp();
        var writing = WriteAsync(writer, share * cap, start, length);
        var lags = new List<double>();
        while (!writing.IsCompleted)
        {
            lags.Add((await disk.StatusAsync()).Lag.TotalMilliseconds);
            await Task.Delay(2 * Tick);
        }
        var written = await writing / Stopwatch.GetElapsedTime(start).TotalSeconds / 1048576;
        if (!await disk.SettleAsync()) throw new InvalidOperationException("capture was given up");
        Console.WriteLine($"{share,5:P0} {written,13:F2} {Figures.Median(lags),10:F1}"
            + $" {Figures.Percentile(lags, 0.99),8:F1} {lags.Max(),10:F1}");
    }

    // On a clock of its own: what a slow moment kept back is written behind it.
    private static async Task<long> WriteAsync(BlockWriter writer, double rate, long start, TimeSpan length)
    {
        long written = 0;
        while (Stopwatch.GetElapsedTime(start) is var at && at < length)
        {
            var due = (long)(rate * at.TotalSeconds);
            for (; written + Block + RecordHead <= due; written += Block + RecordHead)
                await writer.WriteAsync(written / (Block + RecordHead) * Block % LoadedQemu.DiskBytes, Block);
            await Task.Delay(Tick);
        }
        return written;
    }
}
