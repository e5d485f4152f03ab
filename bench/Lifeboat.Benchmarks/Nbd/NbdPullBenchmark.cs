// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net.Sockets;
using Lifeboat.Nbd;

namespace Lifeboat.Benchmarks.Nbd;

/// <summary>Our client next to nbdcopy: pull a whole disk from the same server, one connection, taking turns.</summary>
internal static class NbdPullBenchmark
{
    private const int RequestBytes = 1024 * 1024;
    private const int InFlight = 8;

    public static async Task RunAsync(string socket, long size, int rounds)
    {
        var ours = new double[rounds];
        var theirs = new double[rounds];
        await OursAsync(socket, size);   // compiles
        for (var round = 0; round < rounds; round++)
        {
            if (round % 2 == 0)
                theirs[round] = await NbdcopyAsync(socket);
            ours[round] = await OursAsync(socket, size);
            if (round % 2 == 1)
                theirs[round] = await NbdcopyAsync(socket);
        }
        Console.WriteLine();
        Console.WriteLine($"pull of {size >> 20} MiB, {InFlight} x {RequestBytes >> 10} KiB in flight, MB/s:"
            + $" nbdcopy {size / 1e6 / Median(theirs):F0}, Lifeboat {size / 1e6 / Median(ours):F0},"
            + $" ratio {Median([.. theirs.Zip(ours, (t, o) => t / o)]):F2} (start of the nbdcopy process included)");
    }

    private static async Task<double> OursAsync(string socket, long size)
    {
        var start = Stopwatch.GetTimestamp();
        await using var client = await NbdClient.ConnectAsync(
            new UnixDomainSocketEndPoint(socket), new NbdClientOptions(), CancellationToken.None);
        long next = 0;
        async Task PullAsync()
        {
            var buffer = new byte[RequestBytes];
            while (Interlocked.Add(ref next, RequestBytes) - RequestBytes is var at && at < size)
                await client.ReadAsync(at, buffer, CancellationToken.None);
        }
        await Task.WhenAll(Enumerable.Range(0, InFlight).Select(_ => PullAsync()));
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static async Task<double> NbdcopyAsync(string socket)
    {
        var start = Stopwatch.GetTimestamp();
        using var process = Process.Start("/usr/bin/nbdcopy", ["--connections=1", $"--requests={InFlight}",
            $"--request-size={RequestBytes}", $"nbd+unix:///?socket={socket}", "null:"]);
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException("nbdcopy failed");
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}
