// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Controller.Applications;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Benchmarks.Opening;

/// <summary>
/// How long acknowledgements are withheld for a checkpoint while all disks are written to: of one stream in this
/// process, by up to 16 threads; and shared by the groups of several agents with QEMUs of their own.
/// </summary>
internal static class HoldBenchmark
{
    private const int ThreadsMax = 16;
    private const int AgentsMax = 4;
    private const long DiskBytes = 1L << 30;
    private const long OutboxBytes = 1L << 30;
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(5);

    public static async Task<int> RunAsync(string[] options)
    {
        var cuts = options.Contains("--smoke") ? 10 : (int)Figures.Number(options, "--cuts", 300);
        Console.WriteLine($"{cuts} checkpoints each, load average at the start {Figures.Load()}");
        Console.WriteLine($"{"disks",5} {"writes/s",9} {"held p50 us",11} {"p99 us",8} {"longest us",10}");
        int[] all = Figures.Number(options, "--disks", 0) is > 0 and var one ? [(int)one] : [1, 8, 64, 512];
        foreach (var disks in all) await MeasureAsync(disks, cuts);
        Console.WriteLine($"shared by {AgentsMax} agents (one, of one disk), {cuts} checkpoints each");
        Console.WriteLine($"{"disks",5} {"writes/s",9} {"held p50 us",11} {"p99 us",8} {"longest us",10} {"lost",4}");
        foreach (var disks in options.Contains("--smoke") ? [8] : all)
            await MeasureSharedAsync(disks, cuts);
        return 0;
    }

    private static async Task MeasureSharedAsync(int disks, int cuts)
    {
        var folder = Directory.CreateTempSubdirectory("lbh").FullName;
        try
        {
            await using var fleet = await HeldFleet.StartAsync(folder, Math.Min(AgentsMax, disks), disks);
            fleet.BeginWriting();
            ICutMember[] members = [.. fleet.Sources.Select(s => new AgentCutMember(s.Agent, [s.Group]))];
            var checkpoint = new SharedCheckpoint(TimeProvider.System);
            var (held, lost) = (new List<double>(), 0);
            var (start, before) = (TimeProvider.System.GetTimestamp(), fleet.Writes);
            while (held.Count + lost < cuts)
            {
                try
                {
                    var point = await checkpoint.TakeAsync(members, null, TimeSpan.FromSeconds(10), default);
                    held.Add(point.Held.TotalMicroseconds);
                }
                catch (ProblemException e) when (e.Reason is ReasonCode.Timeout or ReasonCode.CaptureLost)
                {
                    lost++; // abandoned: guests do not wait for a slow agent
                }
                await Task.Delay(Between);
            }
            var seconds = TimeProvider.System.GetElapsedTime(start).TotalSeconds;
            if (held.Count == 0) throw new InvalidOperationException("no shared checkpoint was cut");
            Console.WriteLine($"{disks,5} {(fleet.Writes - before) / seconds,9:F0} {Figures.Median(held),11:F1}"
                + $" {Figures.Percentile(held, 0.99),8:F1} {held.Max(),10:F1} {lost,4}");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task MeasureAsync(int disks, int cuts)
    {
        var stream = NewStream(disks);
        var sinks = Enumerable.Range(0, disks).Select(d => stream.BeginVolume((ushort)d)).ToArray();
        foreach (var sink in sinks)
        {
            stream.Attached(sink);
            stream.EndPull(sink);
        }
        stream.TryEndBatch(out _);
        using var stop = new CancellationTokenSource();
        var threads = Math.Min(disks, ThreadsMax);
        Task[] writers = [.. Enumerable.Range(0, threads).Select(t => Task.Factory.StartNew(
            () => Write(stream, [.. sinks.Where((_, i) => i % threads == t)], stop.Token),
            TaskCreationOptions.LongRunning))];
        var held = new List<double>();
        var start = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < cuts; i++)
        {
            held.Add(Cut(stream).TotalMicroseconds);
            while (stream.TryTake(int.MaxValue, out _)) { }
            stream.MarkDurable(stream.ShippedSequence);
            await Task.Delay(Between);
        }
        var seconds = TimeProvider.System.GetElapsedTime(start).TotalSeconds;
        await stop.CancelAsync();
        await Task.WhenAll(writers);
        Console.WriteLine($"{disks,5} {stream.LastSequence / seconds,9:F0} {Figures.Median(held),11:F1}"
            + $" {Figures.Percentile(held, 0.99),8:F1} {held.Max(),10:F1}");
    }

    private static CaptureStream NewStream(int disks) => new(new CaptureStreamOptions
    {
        Epoch = Epoch.First, StreamId = Guid.NewGuid(), FirstSequence = 1, OutboxBytes = OutboxBytes,
        Volumes = [.. Enumerable.Range(0, disks).Select(d => new StreamVolume((ushort)d, DiskBytes))],
    }, TimeProvider.System);

    private static TimeSpan Cut(CaptureStream stream)
    {
        var hold = stream.Hold();
        CutOutcome outcome;
        RecoveryPoint? point;
        using (hold) outcome = hold.Cut(NewPoint, cleanShutdown: false, out point);
        if (outcome != CutOutcome.Cut) throw new InvalidOperationException($"no checkpoint was cut: {outcome}");
        stream.Confirm(point!.Sequence);
        return hold.Held;
    }

    // A few writes, then a moment of something else, as guests do; and never more than the outbox can take.
    private static void Write(CaptureStream stream, VolumeSink[] sinks, CancellationToken ct)
    {
        var data = new byte[4096];
        for (long i = 0; !ct.IsCancellationRequested; i++)
        {
            if (!sinks[i % sinks.Length].Write(i * 4096 % DiskBytes, data))
                throw new InvalidOperationException("capture was given up");
            if (i % 4 == 3) ct.WaitHandle.WaitOne(1);
            while (i % 64 == 63 && stream.OutboxBytes > OutboxBytes / 4 && !ct.IsCancellationRequested)
                ct.WaitHandle.WaitOne(1);
        }
    }

    private static RecoveryPoint NewPoint(long sequence) => new(Guid.NewGuid(), sequence, Epoch.First,
        TimeProvider.System.GetUtcNow(), Consistency.Crash, PointState.Open, null, null,
        new Dictionary<string, Consistency>());
}
