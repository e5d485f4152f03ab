// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Benchmarks.Capture;
using Lifeboat.Benchmarks.Nbd;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Benchmarks.Life;

/// <summary>
/// The first sync of a full disk (two agents, TLS, journal, flushes) next to plain copies of the same disk out of the
/// same QEMU: nbdcopy to nbdkit over a file, and qemu-img convert into a file.
/// </summary>
internal static class InitialSyncBenchmark
{
    private static readonly string[] Tools = ["/usr/bin/nbdkit", "/usr/bin/nbdcopy", "/usr/bin/qemu-img"];

    public static async Task<int> RunAsync(string[] options)
    {
        var rounds = options.Contains("--smoke") ? 1 : (int)Figures.Number(options, "--rounds", 5);
        if (Tools.FirstOrDefault(tool => !File.Exists(tool)) is { } missing)
        {
            Console.WriteLine($"cannot run: {missing} is not installed");
            return 1;
        }
        var folder = Directory.CreateTempSubdirectory("lbs").FullName;
        try
        {
            await using var disk = await CapturedDisk.PrepareAsync(folder, filled: true);
            var socket = Path.Combine(folder, "target");
            var copy = Path.Combine(folder, "copy");
            await File.WriteAllBytesAsync(copy, new byte[LoadedQemu.DiskBytes]);
            using var nbdkit = await MeasuredServer.StartAsync(
                "nbdkit", socket, Tools[0], "-f", "-U", socket, "file", copy);
            await MeasureAsync(disk, socket, Path.Combine(folder, "image"), rounds);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task MeasureAsync(CapturedDisk disk, string target, string image, int rounds)
    {
        var from = $"nbd+unix:///?socket={disk.Qemu!.LoadSocket}";
        var (copies, converts) = (new double[rounds], new double[rounds]);
        var (ours, syncing) = (new double[rounds], new double[rounds]);
        Console.WriteLine(
            $"{rounds} rounds of {LoadedQemu.DiskBytes >> 20} MiB, load average at the start {Figures.Load()}");
        for (var round = 0; round < rounds; round++)
        {
            copies[round] = await RunAsync(Tools[1], "--flush", from, $"nbd+unix:///?socket={target}");
            var start = Stopwatch.GetTimestamp();
            await disk.ProtectAsync($"sync{round}", Policy.Default);
            ours[round] = Stopwatch.GetElapsedTime(start).TotalSeconds;
            syncing[round] = disk.Syncing.TotalSeconds;
            await disk.UnprotectAsync();
            converts[round] = await RunAsync(Tools[2], "convert", "-f", "raw", "-O", "raw", from, image);
        }
        void Row(string name, double[] seconds)
        {
            double Ratio(double[] yardstick) => Figures.Median(yardstick.Zip(seconds, (y, s) => y / s));
            Console.WriteLine($"{name,-22} {LoadedQemu.DiskBytes / 1e6 / Figures.Median(seconds),7:F0}"
                + $" {Ratio(copies),11:F2} {Ratio(converts),16:F2}");
        }
        Console.WriteLine($"{"copy",-22} {"MB/s",7} {"÷ nbdcopy",11} {"÷ qemu-img",16}");
        Row("nbdcopy", copies);
        Row("qemu-img convert", converts);
        Row("Lifeboat, first sync", ours);
        Row("  without its set-up", syncing);
    }

    private static async Task<double> RunAsync(string program, params string[] arguments)
    {
        var start = Stopwatch.GetTimestamp();
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? Stopwatch.GetElapsedTime(start).TotalSeconds
            : throw new InvalidOperationException($"{program} failed");
    }
}
