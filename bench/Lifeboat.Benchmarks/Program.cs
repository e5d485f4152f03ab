// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Agent;
using Lifeboat.Benchmarks.Capture;
using Lifeboat.Benchmarks.Fleet;
using Lifeboat.Benchmarks.Life;
using Lifeboat.Benchmarks.Nbd;
using Lifeboat.Benchmarks.Opening;
using Lifeboat.Benchmarks.Shipping;

(string Name, Func<string[], Task<int>> RunAsync)[] benchmarks =
[
    ("capture", CaptureBenchmark.RunAsync),
    ("nbd", NbdServerBenchmark.RunAsync),
    ("ship", ShipBenchmark.RunAsync),
    ("sync", InitialSyncBenchmark.RunAsync),
    ("resync", ResyncBenchmark.RunAsync),
    ("lag", LagBenchmark.RunAsync),
    ("maps", MapMemoryBenchmark.RunAsync),
    ("idle", IdleBenchmark.RunAsync),
    ("open", OpenBenchmark.RunAsync),
    ("hold", HoldBenchmark.RunAsync),
    ("fleet", FleetBenchmark.RunAsync),
    ("fleet-kills", FleetKillsBenchmark.RunAsync),
];

switch (args)
{
    // What is under measurement, each in a process of its own.
    case ["nbd-serve", .. var what]:
        return await NbdServe.RunAsync(what);
    case ["capture-serve", var run, var qmpSocket, var readyFile]:
        return await CaptureServe.RunAsync(run, qmpSocket, readyFile);
    case ["ship-sink", var site, var folder, var port, var readyFile, var kind]:
        return await ShipSink.RunAsync(site, folder, int.Parse(port), readyFile, replica: kind == "replica");
    case ["fleet-controller", var place]:
        return await FleetServe.ControllerAsync(place);
    case ["fleet-agents", var root]:
        return await FleetServe.AgentsAsync(root);
    case ["agent-serve", var directory]:
        using (var stop = new CancellationTokenSource())
        using (PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            stop.Cancel();
        }))
            await AgentHost.RunAsync(directory, stop.Token);
        return 0;
    case ["all", .. var options]:
        return await EachAsync([.. benchmarks.Where(b => !b.Name.StartsWith("fleet", StringComparison.Ordinal))],
            [.. options, "--rounds", "5", "--seconds", "0.5"]);   // the first counts
    case ["smoke"]:
        // Two controllers over PostgreSQL, one of them killed: the integration tests do that anyhow.
        return await EachAsync([.. benchmarks.Where(b => b.Name != "fleet-kills")], ["--smoke"]);
    case [var name, .. var options] when benchmarks.FirstOrDefault(b => b.Name == name) is { RunAsync: { } run }:
        return await run(options);
    default:
        Console.Error.WriteLine($"usage: {string.Join(" | ", benchmarks.Select(b => b.Name))} | all | smoke"
            + " [--smoke] [--rounds N] …: see bench/README.md");
        return 2;
}

static async Task<int> EachAsync((string Name, Func<string[], Task<int>> RunAsync)[] benchmarks, string[] options)
{
    var worst = 0;
    foreach (var (name, runAsync) in benchmarks)
    {
        Console.WriteLine($"{Environment.NewLine}== {name}");
        worst = Math.Max(worst, await runAsync(options));
    }
    return worst;
}
