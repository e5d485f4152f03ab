// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Benchmarks.Nbd;

switch (args)
{
    case ["nbd", .. var options]:
        return await NbdServerBenchmark.RunAsync(options);
    case ["nbd-serve", .. var what]:   // the server under measurement, in a process of its own
        return await NbdServe.RunAsync(what);
    case ["smoke"]:
        return await NbdServerBenchmark.RunAsync(["--smoke"]);
    default:
        Console.Error.WriteLine("usage: nbd [--smoke] [--rounds N] [--seconds S] | smoke");
        return 2;
}
