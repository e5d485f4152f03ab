// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;

namespace Lifeboat.Benchmarks.Fleet;

/// <summary>What a controller's answers cost as its site has more groups: `fleet`.</summary>
internal static class FleetBenchmark
{
    private static readonly TimeSpan SettleLimit = TimeSpan.FromMinutes(5);

    public static async Task<int> RunAsync(string[] options)
    {
        var smoke = options.Contains("--smoke");
        int[] sizes = smoke ? [20] : [.. Figures.Text(options, "--groups", "10,100,1000,10000").Split(',')
            .Select(int.Parse)];
        var seconds = smoke ? 3 : Figures.Number(options, "--length", 60);
        Console.WriteLine($"{seconds:0} s each, load average at the start {Figures.Load()}");
        var worst = 0;
        foreach (var groups in sizes) worst = Math.Max(worst, await MeasureAsync(groups, seconds));
        return worst;
    }

    private static async Task<int> MeasureAsync(int groups, double seconds)
    {
        await using var world = await FleetWorld.StartAsync(groups, shared: false, CancellationToken.None);
        using var load = new FleetLoad(world.A.ControllerSocket, groups);
        var settled = await SettleAsync(load);
        var (before, since) = (world.ControllerA.ProcessorSeconds, Stopwatch.GetTimestamp());
        await Task.Delay(TimeSpan.FromSeconds(Math.Min(20, seconds)));
        var rest = (world.ControllerA.ProcessorSeconds - before) / Stopwatch.GetElapsedTime(since).TotalSeconds;
        using (var end = new CancellationTokenSource(TimeSpan.FromSeconds(seconds))) await load.RunAsync(end.Token);
        Console.WriteLine($"{Environment.NewLine}{groups} groups, {groups * FleetNames.DisksPerGuest} volumes: all "
            + $"protected {settled.TotalSeconds:0.0} s after the start; at rest {rest:P0} of a CPU; "
            + $"{world.ControllerA.ResidentMegabytes:0} MiB; refused {load.Refused}");
        Console.WriteLine($"  {"asked for",-24} {"n",5} {"p50 ms",9} {"p99 ms",9}");
        foreach (var (what, times) in load.Milliseconds)
            Console.WriteLine($"  {what,-24} {times.Count,5} {Figures.Percentile(times, 0.5),9:0.0} "
                + $"{Figures.Percentile(times, 0.99),9:0.0}");
        foreach (var round in new[] { "reconcile", "look" })
            Console.WriteLine($"  rounds of {round}: {await load.RoundsAsync(round)}");
        Console.WriteLine($"  shared points: {SharedPoints(world.CutLog)}");
        return load.Refused == 0 ? 0 : 1;
    }

    // Between the first and the last of each application; the first group names it.
    private static string SharedPoints(string log)
    {
        var cuts = from line in File.ReadAllLines(log)
                   let words = line.Split(' ')
                   group long.Parse(words[0], CultureInfo.InvariantCulture) by words[1];
        double[] gaps = [.. cuts.SelectMany(c => c.Order().Zip(c.Order().Skip(1), (a, b) => (b - a) / 1000.0))];
        return gaps.Length == 0 ? "none twice" : $"every {Figures.Percentile(gaps, 0.5):0.0} s, at most "
            + $"{gaps.Max():0.0} s, wanted {FleetWorld.SharedInterval.TotalSeconds:0} s; {gaps.Length} looked at, of "
            + $"{cuts.Count()} applications";
    }

    private static async Task<TimeSpan> SettleAsync(FleetLoad load)
    {
        var since = Stopwatch.GetTimestamp();
        while (!await load.AllProtectedAsync(CancellationToken.None))
        {
            if (Stopwatch.GetElapsedTime(since) > SettleLimit)
                throw new InvalidOperationException("not every group got protected");
            await Task.Delay(TimeSpan.FromMilliseconds(500));
        }
        return Stopwatch.GetElapsedTime(since);
    }
}
