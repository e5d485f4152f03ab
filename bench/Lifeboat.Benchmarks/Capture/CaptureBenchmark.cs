// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Benchmarks.Nbd;

namespace Lifeboat.Benchmarks.Capture;

/// <summary>
/// What a guest's writes cost with capture: off, with QEMU's own write-blocking mirror to nbdkit's memory, and with
/// Lifeboat (two agents, TLS, journal). The same client on each, taking turns; ratios are taken within a round.
/// </summary>
internal static class CaptureBenchmark
{
    private static readonly Workload[] Workloads =
    [
        new("4k randwrite qd1", true, false, 4096, 1),
        new("4k randwrite qd16", true, false, 4096, 16),
        new("64k seqwrite qd8", true, true, 64 << 10, 8),
    ];

    public static async Task<int> RunAsync(string[] options)
    {
        var smoke = options.Contains("--smoke");
        var rounds = smoke ? 1 : Number(options, "--rounds", 5);
        var length = TimeSpan.FromSeconds(smoke ? 0.2 : Number(options, "--seconds", 1));
        if (!File.Exists("/usr/bin/nbdkit") || !File.Exists("/usr/bin/qemu-system-x86_64"))
        {
            Console.WriteLine("skipped: qemu-system-x86_64 and nbdkit are needed and are not both installed");
            return 0;
        }
        // In memory: what is compared is the way of a write, not the disk under it.
        var root = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        var folder = Directory.CreateDirectory(Path.Combine(root, $"lb{Environment.ProcessId}"));
        try
        {
            await CompareAsync(folder.FullName, rounds, length);
            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task CompareAsync(string folder, int rounds, TimeSpan length)
    {
        var nbdkit = Path.Combine(folder, "nbdkit");
        using var target = await MeasuredServer.StartAsync("nbdkit", nbdkit, "/usr/bin/nbdkit", "-f", "-U", nbdkit,
            "memory", LoadedQemu.DiskBytes.ToString(CultureInfo.InvariantCulture));
        await using var off = await LoadedQemu.StartAsync(Path.Combine(folder, "off"), Path.Combine(folder, "l0"));
        await using var mirror = await LoadedQemu.StartAsync(
            Path.Combine(folder, "mirror"), Path.Combine(folder, "l1"));
        await mirror.MirrorToAsync(nbdkit);
        await using var captured = await CapturedDisk.StartAsync(folder);
        (string Name, string Socket)[] cases =
            [("off", off.LoadSocket), ("QEMU to nbdkit", mirror.LoadSocket), ("Lifeboat", captured.Qemu!.LoadSocket)];

        var cpus = Environment.ProcessorCount;
        Console.WriteLine($"{rounds} rounds of {length.TotalSeconds} s; {cpus} CPUs for all of it");
        Console.WriteLine($"{"guest writes",-20} {"capture",-15} {"ops/s",9} {"MB/s",7} {"p50 us",8} {"ops ratio",10}");
        foreach (var workload in Workloads)
        {
            var samples = new Sample[cases.Length, rounds];
            for (var round = 0; round < rounds; round++)
                for (var turn = 0; turn < cases.Length; turn++)
                {
                    var i = (turn + round) % cases.Length;   // nobody always goes first
                    samples[i, round] = Measure(cases[i].Socket, workload, length);
                    if (i == 2 && !await captured.SettleAsync())
                        throw new InvalidOperationException("capture was given up under this load: no measurement");
                }
            Print(workload, cases, samples, rounds);
        }
    }

    private static Sample Measure(string socket, Workload workload, TimeSpan length)
    {
        using var client = new LoadClient(socket, workload, LoadedQemu.DiskBytes);
        client.Run(TimeSpan.FromMilliseconds(50));
        var (ops, seconds, p50) = client.Run(length);
        return new Sample(ops / seconds, p50, 0);
    }

    private static void Print(Workload workload, (string Name, string Socket)[] cases, Sample[,] samples, int rounds)
    {
        for (var i = 0; i < cases.Length; i++)
        {
            var mine = Enumerable.Range(0, rounds).Select(r => samples[i, r]).ToList();
            var ops = Median(mine.Select(s => s.OpsPerSecond));
            var ratio = Median(mine.Select((s, r) => s.OpsPerSecond / samples[0, r].OpsPerSecond));
            var p50 = Median(mine.Select(s => s.P50Microseconds));
            Console.WriteLine($"{(i == 0 ? workload.Name : ""),-20} {cases[i].Name,-15} {ops,9:F0}"
                + $" {ops * workload.Block / 1e6,7:F0} {p50,8:F1} {ratio,10:F2}");
        }
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private static int Number(string[] options, string name, int otherwise)
    {
        var at = Array.IndexOf(options, name);
        return at >= 0 && at + 1 < options.Length
            ? int.Parse(options[at + 1], CultureInfo.InvariantCulture)
            : otherwise;
    }
}
