// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent;
using Lifeboat.Benchmarks.Capture;
using Lifeboat.Benchmarks.Nbd;

switch (args)
{
    case ["nbd", .. var options]:
        return await NbdServerBenchmark.RunAsync(options);
    case ["nbd-serve", .. var what]:   // the server under measurement, in a process of its own
        return await NbdServe.RunAsync(what);
    case ["capture", .. var options]:
        return await CaptureBenchmark.RunAsync(options);
    case ["capture-serve", var run, var qmpSocket, var readyFile]:   // capture alone, in a process of its own
        return await CaptureServe.RunAsync(run, qmpSocket, readyFile);
    case ["agent-serve", var directory]:   // an agent under measurement, in a process of its own
        await AgentHost.RunAsync(directory, CancellationToken.None);
        return 0;
    case ["smoke"]:
        return Math.Max(await NbdServerBenchmark.RunAsync(["--smoke"]), await CaptureBenchmark.RunAsync(["--smoke"]));
    default:
        Console.Error.WriteLine("usage: nbd | capture [--smoke] [--rounds N] [--seconds S] | smoke");
        return 2;
}
