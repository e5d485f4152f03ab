// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Benchmarks.Nbd;

namespace Lifeboat.Benchmarks.Capture;

/// <summary>
/// What a guest's writes cost with capture: off, with a change map alone, with QEMU's own write-blocking mirror to
/// nbdkit's memory and to qemu-nbd, with Lifeboat's capture alone, and with all of Lifeboat (two agents, TLS, journal).
/// The same client on each, taking turns; ratios are taken within a round. What each row means: bench/README.md.
/// </summary>
internal static class CaptureBenchmark
{
    private static readonly string[] Tools = ["/usr/bin/nbdkit", "/usr/bin/qemu-nbd", "/usr/bin/qemu-system-x86_64"];

    private static readonly Workload[] Workloads =
    [
        new("4k randwrite qd1", true, false, 4096, 1),
        new("4k randwrite qd32", true, false, 4096, 32),
        new("256k seqwrite qd8", true, true, 256 << 10, 8),
    ];

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);

    public static async Task<int> RunAsync(string[] options)
    {
        var smoke = options.Contains("--smoke");
        var rounds = smoke ? 1 : (int)Figures.Number(options, "--rounds", 5);
        var length = TimeSpan.FromSeconds(smoke ? 0.2 : Figures.Number(options, "--seconds", 1));
        if (Tools.FirstOrDefault(tool => !File.Exists(tool)) is { } missing)
        {
            Console.WriteLine($"cannot run: {missing} is not installed");
            return 1;
        }
        // In memory: what is compared is the way of a write, not the disk under it.
        var root = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        var folder = Directory.CreateDirectory(Path.Combine(root, $"lb{Environment.ProcessId}"));
        try
        {
            await using var cases = new CaptureCases(folder.FullName);
            await cases.StartAsync(outboxBytes: (2L << 30) * (long)Math.Ceiling(length.TotalSeconds));
            var only = Array.IndexOf(options, "--only") is >= 0 and var at ? options[at + 1] : "";
            await CompareAsync(cases.All, rounds, length, only);
            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task CompareAsync(IReadOnlyList<CaptureCase> cases, int rounds, TimeSpan length, string only)
    {
        var load = (await File.ReadAllTextAsync("/proc/loadavg")).Split(' ')[0];
        var cpus = Environment.ProcessorCount;
        Console.WriteLine(
            $"{rounds} rounds of {length.TotalSeconds} s, {cpus} CPUs for all of it, load average at the start {load}");
        Console.WriteLine($"{"guest writes",-18} {"capture",-20} {"ops/s",8} {"MB/s",6} {"p50 us",7} {"CPU us/op",9}"
            + $" {"ops/off",7} {"ops/nbdkit",10} {"p50/nbdkit",10}  ops/nbdkit of each round");
        foreach (var workload in Workloads.Where(w => w.Name.StartsWith(only, StringComparison.Ordinal)))
        {
            // Every path is compiled, for good too (a runtime that still does takes half of the CPU), and every page
            // is there.
            foreach (var one in cases)
                await one.MeasureAsync(workload, rounds == 1 ? length / 2 : WarmUp);
            var samples = new Sample[cases.Count, rounds];
            for (var round = 0; round < rounds; round++)
                for (var turn = 0; turn < cases.Count; turn++)
                {
                    var i = (turn + round) % cases.Count;   // nobody always goes first
                    samples[i, round] = await cases[i].MeasureAsync(workload, length);
                }
            Print(workload, cases, samples, rounds);
        }
    }

    private static void Print(Workload workload, IReadOnlyList<CaptureCase> cases, Sample[,] samples, int rounds)
    {
        for (var i = 0; i < cases.Count; i++)
        {
            var row = i;
            List<double> Each(Func<Sample, double> of) =>
                [.. Enumerable.Range(0, rounds).Select(r => of(samples[row, r]))];
            List<double> Ratios(Func<Sample, double> of, int yardstick) =>
                [.. Enumerable.Range(0, rounds).Select(r => of(samples[row, r]) / of(samples[yardstick, r]))];

            var ops = Figures.Median(Each(s => s.OpsPerSecond));
            var toNbdkit = Ratios(s => s.OpsPerSecond, CaptureCases.Nbdkit);
            Console.WriteLine($"{(i == 0 ? workload.Name : ""),-18} {cases[i].Name,-20} {ops,8:F0}"
                + $" {ops * workload.Block / 1e6,6:F0} {Figures.Median(Each(s => s.P50Microseconds)),7:F1}"
                + $" {Figures.Median(Each(s => s.CpuMicrosecondsPerOp)),9:F1}"
                + $" {Ratio(Ratios(s => s.OpsPerSecond, CaptureCases.Off)),7:F2} {Ratio(toNbdkit),10:F2}"
                + $" {Ratio(Ratios(s => s.P50Microseconds, CaptureCases.Nbdkit)),10:F2}"
                + $"  {string.Join(' ', toNbdkit.Select(r => r.ToString("F2", CultureInfo.InvariantCulture)))}");
        }
    }

    private static double Ratio(IReadOnlyList<double> ofRounds)
    {
        var median = Figures.Median(ofRounds);
        return double.IsFinite(median) && median > 0
            ? median
            : throw new InvalidOperationException("a measurement without a single write");
    }
}
