// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Journaling.Indexing;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;
using Lifeboat.Testing;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Benchmarks.Opening;

/// <summary>
/// What it takes to open a point in time with so many records behind the base: time, memory, and the first look at
/// places nobody has looked at. Segments hold as many records as with writes of 4 KiB.
/// </summary>
internal static class OpenBenchmark
{
    private const long VolumeBytes = 100L << 30;
    private const int DataBytes = 512;
    private const int RecordsPerAppend = 400;
    private const int SegmentBytes = 9 << 20;   // some 16,000 records, as 64 MiB of 4 KiB writes
    private const int Looks = 2000;
    private static readonly Dictionary<ushort, long> Sizes = new() { [0] = VolumeBytes };

    public static async Task<int> RunAsync(string[] options)
    {
        var smoke = options.Contains("--smoke");
        var most = smoke ? 100_000 : (long)Figures.Number(options, "--records", 10_000_000);
        var folder = Directory.CreateTempSubdirectory("lifeboat-bench-").FullName;
        try
        {
            Console.WriteLine($"a volume of {VolumeBytes >> 30} GiB, load average at the start {Figures.Load()}");
            Console.WriteLine($"{"writes",-8} {"records",9} {"segments",8} {"open ms",8} {"MiB/M records",13}"
                + $" {"GC MiB",7} {"first look us",13} {"again us",9}");
            foreach (var mixed in smoke ? [true] : new[] { false, true })
            {
                var journal = await OpenAsync(Path.Combine(folder, mixed ? "mixed" : "uniform"));
                var writes = new Writes(mixed);
                for (long records = 1000; records <= most; records *= 10)
                {
                    await FillAsync(journal, writes, records);
                    await MeasureAsync(journal, records, writes.Name);
                }
                await journal.DisposeAsync();
            }
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Task<Journal> OpenAsync(string folder)
    {
        var salts = new Prng(3);
        var options = new JournalOptions { SegmentBytes = SegmentBytes, NewSalt = salts.NextUInt64 };
        return Journal.OpenAsync(
            new IndexOnlyStorage(new FileStorage(folder)), options, 0, CancellationToken.None);
    }

    private static async Task FillAsync(Journal journal, Writes writes, long records)
    {
        var data = new byte[DataBytes];
        var buffer = new byte[RecordsPerAppend * RecordCodec.SizeOf(DataBytes)];
        while (journal.LastSequence < records)
        {
            var used = 0;
            for (var i = 0; i < RecordsPerAppend && journal.LastSequence + i < records; i++)
            {
                var header = RecordHeader.Write(0, journal.LastSequence + i + 1, 1, writes.Next(), DataBytes, 0);
                used += RecordCodec.Write(buffer.AsSpan(used), header, data);
            }
            await journal.AppendAsync(buffer.AsMemory(0, used), CancellationToken.None);
        }
    }

    private static async Task MeasureAsync(Journal journal, long records, string name)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        // Compiled, and in the page cache.
        await ExtentIndex.BuildAsync(journal, Sizes, 0, records, CancellationToken.None);
        var times = new List<double>();
        ExtentIndex? index = null;
        for (var i = 0; i < 3; i++)
        {
            var start = Stopwatch.GetTimestamp();
            index = await ExtentIndex.BuildAsync(journal, Sizes, 0, records, CancellationToken.None);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        var (first, again) = Look(index!);
        var collected = (GC.GetTotalMemory(forceFullCollection: true) - before) / 1048576.0;
        var perMillion = index!.MemoryBytes / 1048576.0 / (records / 1e6);
        Console.WriteLine($"{name,-8} {records,9} {journal.Segments.Count,8} {Figures.Median(times),8:F1}"
            + $" {perMillion,13:F1} {collected,7:F1} {first,13:F1} {again,9:F2}");
        GC.KeepAlive(index);
    }

    private static (double First, double Again) Look(ExtentIndex index)
    {
        var found = new List<Extent>();
        double Pass()
        {
            var prng = new Prng(9);
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < Looks; i++)
            {
                found.Clear();
                index.Find(0, prng.Next(VolumeBytes / 4096) * 4096, 4096, found);
            }
            return Stopwatch.GetElapsedTime(start).TotalMicroseconds / Looks;
        }
        return (Pass(), Pass());
    }

    /// <summary>Uniform, or a fifth random, a third in runs and half of it in a twentieth of the volume.</summary>
    private sealed class Writes(bool mixed)
    {
        private readonly Prng _prng = new(mixed ? 1u : 2u);
        private long _run;

        public string Name => mixed ? "mixed" : "uniform";

        public long Next()
        {
            var chance = mixed ? _prng.NextDouble() : 0;
            if (chance < 0.2) return _run = _prng.Next(VolumeBytes / 4096) * 4096;
            if (chance < 0.5) return _run = (_run + 4096) % VolumeBytes;
            return _prng.Next(VolumeBytes / 20 / 4096) * 4096;
        }
    }
}
