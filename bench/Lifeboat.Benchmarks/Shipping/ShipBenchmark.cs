// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Lifeboat.Agent.Linking;
using Lifeboat.Benchmarks.Nbd;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;
using Lifeboat.Testing;

namespace Lifeboat.Benchmarks.Shipping;

/// <summary>
/// How fast records get to the recovery site, next to what a C program on libssl can do with TLS on the same loopback
/// and what the disk takes. Taking turns; ratios are taken within a round.
/// </summary>
internal static class ShipBenchmark
{
    private const string Compiler = "/usr/bin/gcc";

    public static async Task<int> RunAsync(string[] options)
    {
        var smoke = options.Contains("--smoke");
        var rounds = smoke ? 1 : (int)Figures.Number(options, "--rounds", 7);
        var mebibytes = smoke ? 32 : (int)Figures.Number(options, "--mib", 512);
        var folder = Directory.CreateTempSubdirectory("lifeboat-bench-").FullName;
        try
        {
            if (!await TryCompileAsync(Path.Combine(folder, "tls"))) return 1;
            var (a, b) = (Init(folder, "a"), Init(folder, "b"));
            File.Copy(a.CaCertificate, b.TrustAnchor("site-a"));
            File.Copy(b.CaCertificate, a.TrustAnchor("site-b"));
            using var plain = await StartSinkAsync(folder, b, "plain");
            using var replica = await StartSinkAsync(folder, b, "replica");
            await MeasureAsync(new TlsLink(a, TimeProvider.System), folder, plain, replica, rounds, mebibytes);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task MeasureAsync(
        TlsLink link, string folder, MeasuredServer plain, MeasuredServer replica, int rounds, int mebibytes)
    {
        var content = new byte[4 << 20];
        new Prng(1).Fill(content);
        ShipSource Source(MeasuredServer sink) => new(link, File.ReadAllText($"{sink.Socket}.target"), sink.ProcessId);
        var folded = Path.Combine(folder, "replica", "folded");
        await Source(plain).RunAsync(Math.Min(mebibytes, 64), content, null);   // compiles
        await Source(replica).RunAsync(Math.Min(mebibytes, 64), content, folded);
        var (c, disk) = (new CRun[rounds], new double[rounds]);
        var (ship, whole) = (new ShipRun[rounds], new ShipRun[rounds]);
        Console.WriteLine($"{rounds} rounds of {mebibytes} MiB, load average at the start {Figures.Load()}");
        for (var round = 0; round < rounds; round++)
        {
            for (var turn = 0; turn < 4; turn++)
            {
                switch ((turn + round) % 4)   // nobody always goes first
                {
                    case 0: c[round] = await RunPeerAsync(Path.Combine(folder, "tls"), mebibytes); break;
                    case 1: disk[round] = WriteFile(Path.Combine(folder, "file"), mebibytes, content); break;
                    case 2: ship[round] = await Source(plain).RunAsync(mebibytes, content, null); break;
                    default: whole[round] = await Source(replica).RunAsync(mebibytes, content, folded); break;
                }
            }
        }
        Print(mebibytes, c, disk, ship, whole);
    }

    private static void Print(int mebibytes, CRun[] c, double[] disk, ShipRun[] ship, ShipRun[] whole)
    {
        var (megabytes, gibibytes) = (mebibytes * 1.048576, mebibytes / 1024.0);
        void Row(string name, IEnumerable<double> rates, double? send, double? receive, IEnumerable<double>? ratios)
        {
            var each = ratios is null ? "" : string.Join(' ', ratios.Select(r => $"{r:F2}"));
            Console.WriteLine($"{name,-34} {Figures.Median(rates),7:F0} {send,10:F2} {receive,10:F2}"
                + $" {(ratios is null ? double.NaN : Figures.Median(ratios)),7:F2}  {each}");
        }
        Console.WriteLine($"{"road",-34} {"MB/s",7} {"send s/GiB",10} {"recv s/GiB",10} {"ratio",7}  of each round");
        Row("TLS: SSL_write in C", c.Select(r => r.Rate), Figures.Median(c.Select(r => r.Send)),
            Figures.Median(c.Select(r => r.Receive)), null);
        Row("disk: 1 MiB writes, sync every 8", disk, null, null, null);
        double Send(ShipRun[] runs) => Figures.Median(runs.Select(r => r.SendSeconds)) / gibibytes;
        double Receive(ShipRun[] runs) => Figures.Median(runs.Select(r => r.ReceiveSeconds)) / gibibytes;
        Row("Lifeboat, ship ÷ TLS", ship.Select(r => megabytes / r.Seconds), Send(ship), Receive(ship),
            [.. ship.Zip(c, (s, t) => megabytes / s.Seconds / t.Rate)]);
        var limits = c.Zip(disk, (t, d) => Math.Min(t.Rate, d));
        Row("Lifeboat, whole road ÷ the lower", whole.Select(r => megabytes / r.Seconds), Send(whole), Receive(whole),
            [.. whole.Zip(limits, (w, l) => megabytes / w.Seconds / l)]);
    }

    private static double WriteFile(string path, int mebibytes, byte[] content)
    {
        using var file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.Write);
        var start = Stopwatch.GetTimestamp();
        for (var at = 0; at < mebibytes; at++)
        {
            RandomAccess.Write(file, content.AsSpan(at % 4 << 20, 1 << 20), (long)at << 20);
            if (at % 8 == 7) RandomAccess.FlushToDisk(file);
        }
        RandomAccess.FlushToDisk(file);
        return mebibytes * 1.048576 / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static async Task<CRun> RunPeerAsync(string program, int mebibytes)
    {
        using var process = Process.Start(new ProcessStartInfo(program, [$"{mebibytes}"])
        {
            RedirectStandardOutput = true,
        })!;
        var said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        double[] numbers = [.. said.Split(' ').Select(n => double.Parse(n, CultureInfo.InvariantCulture))];
        return new CRun(numbers[0], numbers[1], numbers[2]);
    }

    private static async Task<bool> TryCompileAsync(string program)
    {
        var source = Path.Combine(AppContext.BaseDirectory, "peers", "tls.c");
        if (!File.Exists(Compiler) || !File.Exists("/usr/include/openssl/ssl.h"))
        {
            Console.WriteLine("cannot run: the yardstick is a C program, which needs gcc and libssl-dev");
            return false;
        }
        using var compiling = Process.Start(Compiler, ["-O2", "-o", program, source, "-lssl", "-lcrypto"]);
        await compiling.WaitForExitAsync();
        return compiling.ExitCode == 0;
    }

    private static async Task<MeasuredServer> StartSinkAsync(string folder, SitePaths site, string kind)
    {
        var own = Directory.CreateDirectory(Path.Combine(folder, kind)).FullName;
        var (port, ready) = (FreePort(), Path.Combine(own, "ready"));
        await File.WriteAllTextAsync($"{ready}.target", $"127.0.0.1:{port}");
        return await MeasuredServer.StartAsync(kind, ready, SelfProcess.Program,
            SelfProcess.Arguments("ship-sink", site.Root, own, $"{port}", ready, kind));
    }

    private static SitePaths Init(string folder, string name)
    {
        var root = Path.Combine(folder, name);
        SiteInitializer.Init(root, $"site-{name}", $"127.0.0.1:{FreePort()}", $"127.0.0.1:{FreePort()}");
        return new SitePaths(root);
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private readonly record struct CRun(double Rate, double Send, double Receive);
}
