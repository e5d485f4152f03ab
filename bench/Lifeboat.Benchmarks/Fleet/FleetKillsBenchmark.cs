// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Diagnostics;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Benchmarks.Fleet;

/// <summary>
/// Two controllers of a site over one PostgreSQL, drills all the time, and one of the two is killed every half minute:
/// how long its leases take to move, and what became of every run.
/// </summary>
internal static class FleetKillsBenchmark
{
    private const int AtOnce = 4;
    private static readonly TimeSpan MoveLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan EndLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Hold = TimeSpan.FromSeconds(2);

    public static async Task<int> RunAsync(string[] options)
    {
        if (Testing.Databases.PostgresServer.Missing is { } missing)
        {
            Console.WriteLine($"cannot run: {missing}");
            return 1;
        }
        var smoke = options.Contains("--smoke");
        var groups = smoke ? 20 : (int)Figures.Number(options, "--groups", 1000);
        var length = TimeSpan.FromSeconds(smoke ? 12 : Figures.Number(options, "--length", 600));
        var every = TimeSpan.FromSeconds(smoke ? 8 : Figures.Number(options, "--every", 30));
        Console.WriteLine($"{groups} groups, two controllers over PostgreSQL, a kill every {every.TotalSeconds:0} s "
            + $"for {length.TotalSeconds:0} s, load average at the start {Figures.Load()}");
        await using var world = await FleetWorld.StartAsync(groups, shared: true, CancellationToken.None);
        string[] places = [world.A.Root, world.A.OfController(FleetWorld.Second).Root];
        var moved = new List<TimeSpan>();
        var started = new ConcurrentBag<Guid>();
        using var end = new CancellationTokenSource(length);
        await HeldByAsync(places, groups);
        var drills = Enumerable.Range(0, AtOnce)
            .Select(i => DrillAsync(places, groups, i, started, end.Token)).ToList();
        for (var kill = 0; !end.IsCancellationRequested; kill++)
        {
            await UntilAsync(every, end.Token);
            if (end.IsCancellationRequested) break;
            var (victim, other) = (places[kill % 2], places[1 - kill % 2]);
            var since = Stopwatch.GetTimestamp();
            await world.KillControllerAsync(victim);
            while (await HeldAsync(other) < groups && Stopwatch.GetElapsedTime(since) < EndLimit)
                await Task.Delay(50);
            moved.Add(Stopwatch.GetElapsedTime(since));
            await world.StartControllerAsync(victim);
        }
        await Task.WhenAll(drills);
        var faults = await JudgeAsync(world, places, [.. started], moved.Count);
        Console.WriteLine($"{moved.Count} kills; all leases of the killed one moved after "
            + $"{string.Join(", ", moved.Select(m => $"{m.TotalSeconds:0.0}"))} s; {started.Count} drills");
        if (moved.Any(m => m > MoveLimit)) faults.Add($"leases took longer than {MoveLimit.TotalSeconds:0} s to move");
        foreach (var fault in faults) Console.WriteLine($"  {fault}");
        Console.WriteLine(faults.Count == 0 ? "no run lost or doubled" : $"{faults.Count} faults");
        return faults.Count == 0 ? 0 : 1;
    }

    private static async Task HeldByAsync(string[] places, int groups)
    {
        var since = Stopwatch.GetTimestamp();
        while (await HeldAsync(places[0]) + await HeldAsync(places[1]) < groups)
        {
            if (Stopwatch.GetElapsedTime(since) > EndLimit)
                throw new InvalidOperationException("nobody took the groups");
            await Task.Delay(200);
        }
    }

    /// <returns>How many groups the controller works on.</returns>
    private static async Task<int> HeldAsync(string place)
    {
        using var client = Client(place);
        try
        {
            return (await client.ControllersAsync(CancellationToken.None))
                .Where(c => c.IsThis).Sum(c => c.Groups.Count);
        }
        catch (ProblemException)
        {
            return 0;
        }
    }

    // Odd groups are recovered to site a. Asked again with the same key until one of the controllers has answered.
    private static async Task DrillAsync(string[] places, int groups, int number, ConcurrentBag<Guid> started,
        CancellationToken until)
    {
        for (var round = 0; !until.IsCancellationRequested; round++)
        {
            var group = FleetNames.Group((round * AtOnce + number) % (groups / 2) * 2 + 1);
            var key = $"drill-{number}-{round}";
            var run = await AskAsync(places, c => c.StartRunAsync(group, new StartRunRequest
            {
                Kind = RunKind.TestFailover,
                Hold = Hold,
                IdempotencyKey = key,
            }, CancellationToken.None));
            started.Add(run.Id);
            await EndAsync(places, run.Id);
        }
    }

    private static async Task<RunInfo> EndAsync(string[] places, Guid id)
    {
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            var run = await AskAsync(places, c => c.RunAsync(id, CancellationToken.None));
            if (run.Finished || Stopwatch.GetElapsedTime(since) > EndLimit) return run;
            await Task.Delay(200);
        }
    }

    private static async Task<T> AskAsync<T>(string[] places, Func<ControllerClient, Task<T>> ask)
    {
        for (var tries = 0; ; tries++)
        {
            using var client = Client(places[tries % places.Length]);
            try
            {
                return await ask(client);
            }
            catch (ProblemException e) when (tries < 200 && e.Reason is ReasonCode.ControllerUnreachable
                or ReasonCode.DatabaseUnavailable)
            {
                await Task.Delay(100);
            }
        }
    }

    private static async Task<List<string>> JudgeAsync(FleetWorld world, string[] places, IReadOnlyList<Guid> runs,
        int kills)
    {
        var faults = new List<string>();
        foreach (var id in runs)
        {
            var run = await AskAsync(places, c => c.RunAsync(id, CancellationToken.None));
            if (run.State is not RunState.Succeeded) faults.Add($"run {id} of {run.Group}: {run.State} {run.Detail}");
            if (run.Steps.Sum(s => s.Attempts) > run.Steps.Count + kills)
                faults.Add($"run {id}: more attempts than kills account for");
            if (run.Steps.Count(s => s.Attempts > 1) > kills) faults.Add($"run {id}: steps were begun again");
            var report = (await AskAsync(places, c => c.ReportAsync(id, CancellationToken.None))).Read();
            if (report.Run != id || report.Outcome != run.State || report.Steps.Any(s => s.Duration is null))
                faults.Add($"run {id}: its report is not whole");
        }
        if (runs.Distinct().Count() != runs.Count) faults.Add("two requests got one run");
        var effects = world.Effects();
        foreach (var twice in effects.GroupBy(e => e).Where(e => e.Count() > 1))
            faults.Add($"done {twice.Count()} times: {twice.Key}");
        var starts = effects.Count(e => e.StartsWith("start ", StringComparison.Ordinal));
        if (starts != runs.Count) faults.Add($"{starts} copies were started for {runs.Count} drills");
        return faults;
    }

    private static ControllerClient Client(string place) => new(Path.Combine(place, "controller.sock"));

    private static async Task UntilAsync(TimeSpan length, CancellationToken end)
    {
        try
        {
            await Task.Delay(length, end);
        }
        catch (OperationCanceledException)
        {
            // The time is over.
        }
    }
}
