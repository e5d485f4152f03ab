// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;

namespace Lifeboat.Benchmarks.Nbd;

/// <summary>
/// Our server next to nbdkit and qemu-nbd, with the same client, taking turns: round after round each server runs each
/// workload once, and ratios are taken within a round, because machines are noisy and neighbours in time are not.
/// </summary>
internal static class NbdServerBenchmark
{
    private const long Size = 256L * 1024 * 1024;
    private const string WithOutbox = "with outbox";
    private const int Stretch = 256;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1.5);

    public static async Task<int> RunAsync(string[] options)
    {
        var smoke = options.Contains("--smoke");
        var rounds = smoke ? 1 : (int)Figures.Number(options, "--rounds", 5);
        var length = TimeSpan.FromSeconds(smoke ? 0.1 : Figures.Number(options, "--seconds", 1));
        if (!File.Exists("/usr/bin/nbdkit") || !File.Exists("/usr/bin/qemu-nbd"))
        {
            Console.WriteLine("cannot run: nbdkit and qemu-nbd are the yardstick and are not both installed");
            return 1;
        }
        var folder = Directory.CreateTempSubdirectory("lifeboat-bench-");
        try
        {
            var cpus = Environment.ProcessorCount;
            Console.WriteLine($"{rounds} rounds of {length.TotalSeconds} s; {cpus} CPUs, the client's too");
            var only = Figures.Text(options, "--only", "");
            Workload[] all = [.. Workload.All.Where(w => w.Name.StartsWith(only, StringComparison.Ordinal))];
            await CompareAsync("memory", MemoryServers(folder.FullName), all, rounds, length);
            await CompareAsync("file in the page cache", FileServers(folder.FullName), all, rounds, length);
            await CompareAsync("order and outbox", OutboxServers(folder.FullName), [.. all.Where(w => w.Write)],
                rounds, length);
            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // The first is the yardstick of the ratios, in the faster of its settings.
    private static List<Func<Task<MeasuredServer>>> MemoryServers(string folder) =>
    [
        Nbdkit(folder, "nbdkit", "memory", Size.ToString()),
        Nbdkit(folder, "nbdkit -t 1", "-t", "1", "memory", Size.ToString()),
        Ours(folder, "memory", Size.ToString()),
    ];

    // What a place in the order costs: the same server, and writes that go nowhere else or into the outbox.
    private static List<Func<Task<MeasuredServer>>> OutboxServers(string folder) =>
    [
        Ours(folder, "memory", Size.ToString()),
        Ours(folder, "outbox", Size.ToString()),
    ];

    private static List<Func<Task<MeasuredServer>>> FileServers(string folder)
    {
        string[] images = [.. Enumerable.Range(0, 4).Select(i => Path.Combine(folder, $"disk{i}"))];
        var qemuSocket = Path.Combine(folder, "qemu");
        foreach (var image in images)
            File.WriteAllBytes(image, new byte[Size]);
        return
        [
            Nbdkit(folder, "nbdkit", "file", images[0]),
            Nbdkit(folder, "nbdkit -t 1", "-t", "1", "file", images[1]),
            () => MeasuredServer.StartAsync("qemu-nbd", qemuSocket, "/usr/bin/qemu-nbd", "-t", "-e", "64", "-f", "raw",
                "--cache=writeback", "-x", "", "-k", qemuSocket, images[2]),
            Ours(folder, "file", images[3]),
        ];
    }

    private static Func<Task<MeasuredServer>> Nbdkit(string folder, string name, params string[] arguments)
    {
        var socket = Path.Combine(folder, Guid.NewGuid().ToString("N"));
        return () => MeasuredServer.StartAsync(name, socket, "/usr/bin/nbdkit", ["-f", "-U", socket, .. arguments]);
    }

    private static Func<Task<MeasuredServer>> Ours(string folder, string kind, string argument)
    {
        var socket = Path.Combine(folder, Guid.NewGuid().ToString("N"));
        var name = kind == "outbox" ? WithOutbox : "Lifeboat";
        return () => MeasuredServer.StartAsync(name, socket, SelfProcess.Program,
            SelfProcess.Arguments("nbd-serve", kind, socket, argument));
    }

    private static async Task CompareAsync(
        string title, List<Func<Task<MeasuredServer>>> start, IReadOnlyList<Workload> workloads, int rounds,
        TimeSpan length)
    {
        var servers = new List<MeasuredServer>();
        try
        {
            foreach (var one in start)
                servers.Add(await one());
            foreach (var server in servers)
                Fill(server, workloads, length);
            Console.WriteLine();
            Console.WriteLine($"{title,-24} {"server",-12} {"ops/s",9} {"MB/s",7} {"p50 us",7} {"CPU us/op",10}"
                + $" {"ops ratio",10} {"CPU ratio",10}");
            foreach (var workload in workloads)
                Print(workload, servers, Measure(workload, servers, rounds, length));
            if (servers[^1].Name == WithOutbox && workloads.Contains(Workload.All[0]))
                PrintAdded(servers[^1], smoke: length < TimeSpan.FromSeconds(0.5));
            if (workloads.Any(w => !w.Write) && File.Exists("/usr/bin/nbdcopy"))
                await NbdPullBenchmark.RunAsync(servers[0].Socket, Size, rounds);
        }
        finally
        {
            servers.ForEach(s => s.Dispose());
        }
    }

    // Every page exists and every path is compiled for good before anything is measured.
    private static void Fill(MeasuredServer server, IReadOnlyList<Workload> workloads, TimeSpan length)
    {
        using (var client = new LoadClient(server.Socket, Workload.All[3], Size))
            client.Run(length < TimeSpan.FromSeconds(1) ? length : TimeSpan.FromSeconds(1));
        foreach (var workload in workloads)
        {
            using var client = new LoadClient(server.Socket, workload, Size);
            client.Run(length < TimeSpan.FromSeconds(0.5) ? length : WarmUp);
        }
    }

    private static Sample[][] Measure(Workload workload, List<MeasuredServer> servers, int rounds, TimeSpan length)
    {
        var samples = new Sample[servers.Count][];
        for (var i = 0; i < servers.Count; i++)
            samples[i] = new Sample[rounds];
        for (var round = 0; round < rounds; round++)
        {
            for (var turn = 0; turn < servers.Count; turn++)
            {
                var i = round % 2 == 0 ? turn : servers.Count - 1 - turn;   // nobody always goes first
                try
                {
                    samples[i][round] = MeasureOnce(servers[i], workload, length);
                }
                catch (Exception e) when (e is SocketException or EndOfStreamException)
                {
                    throw servers[i].Failed(e);
                }
            }
        }
        return samples;
    }

    private static Sample MeasureOnce(MeasuredServer server, Workload workload, TimeSpan length)
    {
        using var client = new LoadClient(server.Socket, workload, Size);
        client.Run(TimeSpan.FromMilliseconds(20));
        var before = server.CpuNanoseconds();
        var (ops, seconds, p50) = client.Run(length);
        var cpu = server.CpuNanoseconds() - before;
        return new Sample(ops / seconds, p50, cpu / 1000.0 / ops);
    }

    // How long a request takes has two modes on a virtual machine, by where its threads happen to run and sleep, and
    // they last for seconds. So the two take turns every few milliseconds, in one process of ours on either side.
    private static void PrintAdded(MeasuredServer server, bool smoke)
    {
        using var memory = new LoadClient($"{server.Socket}.memory", Workload.All[0], Size);
        using var outbox = new LoadClient(server.Socket, Workload.All[0], Size);
        for (var i = 0; i < (smoke ? 1 : 100); i++)
            (_, _) = (memory.RunSome(Stretch), outbox.RunSome(Stretch));
        var pairs = Enumerable.Range(0, smoke ? 3 : 400).Select(i => i % 2 == 0
            ? (Memory: memory.RunSome(Stretch), Outbox: outbox.RunSome(Stretch))
            : Swapped(outbox.RunSome(Stretch), memory.RunSome(Stretch))).ToList();
        Console.WriteLine();
        Console.WriteLine($"one 4k write at a time, {pairs.Count} turns of {Stretch} each, p50 us:"
            + $" memory {Figures.Median(pairs.Select(p => p.Memory)):F1},"
            + $" with outbox {Figures.Median(pairs.Select(p => p.Outbox)):F1};"
            + $" added within a turn {Figures.Median(pairs.Select(p => p.Outbox - p.Memory)):F1}");
    }

    private static (double Memory, double Outbox) Swapped(double outbox, double memory) => (memory, outbox);

    private static void Print(Workload workload, List<MeasuredServer> servers, Sample[][] samples)
    {
        var best = Enumerable.Range(0, servers.Count)
            .Where(i => servers[i].Name.StartsWith(servers[0].Name, StringComparison.Ordinal))
            .MaxBy(i => Figures.Median(samples[i].Select(s => s.OpsPerSecond)));
        for (var i = 0; i < servers.Count; i++)
        {
            var ops = Figures.Median(samples[i].Select(s => s.OpsPerSecond));
            var p50 = Figures.Median(samples[i].Select(s => s.P50Microseconds));
            var cpu = Figures.Median(samples[i].Select(s => s.CpuMicrosecondsPerOp));
            var opsRatio = Figures.Median(samples[i].Zip(samples[best], (s, b) => s.OpsPerSecond / b.OpsPerSecond));
            var cpuRatio = Figures.Median(
                samples[i].Zip(samples[best], (s, b) => s.CpuMicrosecondsPerOp / b.CpuMicrosecondsPerOp));
            Console.WriteLine($"{(i == 0 ? workload.Name : ""),-24} {servers[i].Name,-12} {ops,9:F0}"
                + $" {ops * workload.Block / 1e6,7:F0} {p50,7:F1} {cpu,10:F2} {opsRatio,10:F2} {cpuRatio,10:F2}");
        }
    }
}
