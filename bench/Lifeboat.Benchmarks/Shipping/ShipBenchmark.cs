// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Lifeboat.Agent.Linking;
using Lifeboat.Benchmarks.Nbd;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;
using Lifeboat.Protection.Links;
using Lifeboat.Testing;

namespace Lifeboat.Benchmarks.Shipping;

/// <summary>
/// How fast records get to the recovery site, next to what a C program on libssl can do with TLS on the same loopback
/// and what the disk takes. Taking turns; ratios are taken within a round.
/// </summary>
internal static class ShipBenchmark
{
    private const string Compiler = "/usr/bin/gcc";
    private const int ContentBytes = 4 << 20;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);

    private static readonly CompressionMode[] Modes =
        [CompressionMode.None, CompressionMode.Lz4, CompressionMode.Zstd, CompressionMode.Auto];

    // The modes, then the whole road.
    private static readonly string[] Roads =
        [.. Modes.Select(m => $"ship, {m} ÷ TLS".ToLowerInvariant()), "whole road ÷ min(TLS, disk)"];

    public static async Task<int> RunAsync(string[] options)
    {
        var smoke = options.Contains("--smoke");
        var rounds = smoke ? 1 : (int)Figures.Number(options, "--rounds", 7);
        var mebibytes = smoke ? 32 : (int)Figures.Number(options, "--mib", 512);
        var only = Figures.Text(options, "--only", "");
        var folder = Directory.CreateTempSubdirectory("lifeboat-bench-").FullName;
        try
        {
            if (!await TryCompileAsync(Path.Combine(folder, "tls"))) return 1;
            var (a, b) = (Init(folder, "a"), Init(folder, "b"));
            File.Copy(a.CaCertificate, b.TrustAnchor("site-a"));
            File.Copy(b.CaCertificate, a.TrustAnchor("site-b"));
            using var plain = await StartSinkAsync(folder, b, "plain");
            using var replica = await StartSinkAsync(folder, b, "replica");
            await MeasureAsync(new TlsLink(a, TimeProvider.System), folder, plain, replica, rounds, mebibytes,
                [.. Enumerable.Range(0, Roads.Length).Where(i => Roads[i].StartsWith(only, StringComparison.Ordinal))]);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task MeasureAsync(
        TlsLink link, string folder, MeasuredServer plain, MeasuredServer replica, int rounds, int mebibytes,
        int[] roads)
    {
        var content = new Prng(1).Bytes(ContentBytes);
        var text = Compressible();
        var folded = Path.Combine(folder, "replica", "folded");
        ShipSource Source(MeasuredServer sink) => new(link, File.ReadAllText($"{sink.Socket}.target"), sink.ProcessId);
        Task<ShipRun> ShipAsync(int much, CompressionMode mode) =>
            Source(plain).RunAsync(much, mode == CompressionMode.None ? content : text, mode, null);
        Task<ShipRun> WholeAsync(int much) => Source(replica).RunAsync(much, content, CompressionMode.None, folded);
        Task<ShipRun> RunAsync(int road) =>
            road < Modes.Length ? ShipAsync(mebibytes, Modes[road]) : WholeAsync(mebibytes);
        foreach (var road in roads)   // compiled for good when it counts
        {
            var often = rounds > 1 && (road == 0 || road == Modes.Length);
            var began = Stopwatch.GetTimestamp();
            for (var i = 0; i == 0 || (often && (i < 5 || Stopwatch.GetElapsedTime(began) < WarmUp)); i++)
                await RunAsync(road);
        }
        var (c, disk) = (new CRun[rounds], new double[rounds]);
        var runs = Roads.Select(_ => new ShipRun[rounds]).ToArray();
        Console.WriteLine($"{rounds} rounds of {mebibytes} MiB, load average at the start {Figures.Load()}");
        for (var round = 0; round < rounds; round++)
        {
            for (var turn = 0; turn < roads.Length + 2; turn++)
            {
                var i = (turn + round) % (roads.Length + 2);   // nobody always goes first
                if (i < roads.Length) runs[roads[i]][round] = await RunAsync(roads[i]);
                else if (i == roads.Length) c[round] = await RunPeerAsync(Path.Combine(folder, "tls"), mebibytes);
                else disk[round] = WriteFile(Path.Combine(folder, "file"), mebibytes, content);
            }
        }
        Print(mebibytes, c, disk, runs, roads);
    }

    private static void Print(int mebibytes, CRun[] c, double[] disk, ShipRun[][] runs, int[] roads)
    {
        Console.WriteLine($"{"road",-32} {"MB/s",7} {"send s/GiB",10} {"recv s/GiB",10} {"wire",5} {"ratio",6}"
            + "  of each round");
        Console.WriteLine($"{"TLS: SSL_write in C",-32} {Figures.Median(c.Select(r => r.Rate)),7:F0}"
            + $" {Figures.Median(c.Select(r => r.Send)),10:F2} {Figures.Median(c.Select(r => r.Receive)),10:F2}");
        Console.WriteLine($"{"disk: 1 MiB writes, sync every 8",-32} {Figures.Median(disk),7:F0}");
        double[] tls = [.. c.Select(r => r.Rate)];
        double[] slower = [.. tls.Zip(disk, Math.Min)];
        foreach (var road in roads) Row(Roads[road], mebibytes, runs[road], road < Modes.Length ? tls : slower);
    }

    private static void Row(string name, int mebibytes, ShipRun[] runs, double[] yardstick)
    {
        var (megabytes, gibibytes) = (mebibytes * 1.048576, mebibytes / 1024.0);
        double[] ratios = [.. runs.Zip(yardstick, (r, y) => megabytes / r.Seconds / y)];
        Console.WriteLine($"{name,-32} {Figures.Median(runs.Select(r => megabytes / r.Seconds)),7:F0}"
            + $" {Figures.Median(runs.Select(r => r.SendSeconds)) / gibibytes,10:F2}"
            + $" {Figures.Median(runs.Select(r => r.ReceiveSeconds)) / gibibytes,10:F2}"
            + $" {Figures.Median(runs.Select(r => r.Packed)),5:F2} {Figures.Median(ratios),6:F2}"
            + $"  {string.Join(' ', ratios.Select(r => $"{r:F2}"))}");
    }

    // Programs are what much of a system disk holds; they pack about two to one.
    private static byte[] Compressible()
    {
        var text = new byte[ContentBytes];
        var used = 0;
        foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory, "*.dll").Order(StringComparer.Ordinal))
        {
            var bytes = File.ReadAllBytes(file);
            var count = Math.Min(bytes.Length, text.Length - used);
            bytes.AsSpan(0, count).CopyTo(text.AsSpan(used));
            used += count;
        }
        return text;
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
