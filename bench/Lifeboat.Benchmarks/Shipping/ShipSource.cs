// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Agent.Linking;
using Lifeboat.Benchmarks.Nbd;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Benchmarks.Shipping;

/// <param name="Seconds">
/// From the first frame until the last record is durable, and folded where that is asked for.
/// </param>
/// <param name="SendSeconds">CPU of the sending process in that time.</param>
/// <param name="Packed">Bytes on the wire for a byte of records.</param>
internal readonly record struct ShipRun(double Seconds, double SendSeconds, double ReceiveSeconds, double Packed);

/// <summary>
/// The sending end: a stream that holds so many MiB already is shipped, so that neither a guest nor capture is in the
/// measurement.
/// </summary>
internal sealed class ShipSource(TlsLink link, string target, int receiver)
{
    private const int Piece = 256 << 10;
    private const int PiecesPerPoint = 64;

    /// <param name="foldedFile">Where the receiver says how far it has folded; null: durable is enough.</param>
    public async Task<ShipRun> RunAsync(int mebibytes, byte[] content, CompressionMode mode, string? foldedFile)
    {
        using var stop = new CancellationTokenSource();
        var time = TimeProvider.System;
        await using var connection = await link.ConnectAsync(target, "site-b", LinkPath.Any, stop.Token);
        var durable = await GreetAsync(connection);
        var stream = NewStream(durable, mebibytes);
        var point = Fill(stream, mebibytes, content);
        var gauge = new LinkGauge(time);
        using var packer = new FramePacker(new CompressionChooser(() => mode, FrameAbilities.All, gauge, time), time);
        using var share = new LinkBudget(time).Join(() => LinkPriority.Normal);
        var feed = new FrameFeed(stream, share, () => RateCalendar.Unlimited, packer, gauge, time);
        var pump = new LinkPump(connection, LinkTimings.Default, time, stream.ToShip);
        var (before, receiverBefore) = (Cpu(Environment.ProcessId), Cpu(receiver));
        var start = Stopwatch.GetTimestamp();
        var sending = pump.SendAllAsync(feed, stop.Token);
        while (stream.DurableSequence < stream.LastSequence)
        {
            var message = await pump.ReceiveAsync(stop.Token)
                ?? throw new InvalidOperationException("the receiver hung up");
            if (message.Kind != MessageKind.Ack)
                throw new InvalidOperationException($"the receiver says {message.Kind}");
            stream.MarkDurable(Ack.Decode(message.Payload.Span).Durable);
        }
        while (foldedFile is not null && Folded(foldedFile) < point)
        {
            if (Stopwatch.GetElapsedTime(start) > TimeSpan.FromMinutes(2))
                throw new InvalidOperationException("the receiver does not fold");
            await Task.Delay(2);
        }
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var (sent, received) = (Cpu(Environment.ProcessId) - before, Cpu(receiver) - receiverBefore);
        await stop.CancelAsync();
        await Task.WhenAny(sending);   // cancelled
        return new ShipRun(seconds, sent / 1e9, received / 1e9,
            (double)feed.WireBytes / feed.ShippedBytes);
    }

    private static async Task<long> GreetAsync(ILinkConnection connection)
    {
        var hello = new Hello(ShipSink.Group, Epoch.First, Guid.Empty, Guid.Empty, 0,
            [new HelloVolume(0, ShipSink.VolumeBytes)]);
        await connection.SendAsync(hello.Encode(), default);
        var reply = await connection.ReceiveAsync(default) ?? throw new InvalidOperationException("no answer");
        if (MessageCodec.Open(reply, out var payload) is var kind && kind != MessageKind.HelloReply)
            throw new InvalidOperationException($"the receiver says {kind}");
        return HelloReply.Decode(payload.Span).Durable;
    }

    private static CaptureStream NewStream(long durable, int mebibytes) => new(new CaptureStreamOptions
    {
        Epoch = Epoch.First, StreamId = Guid.NewGuid(), FirstSequence = durable + 1,
        OutboxBytes = (mebibytes + 64L) << 20, Volumes = [new StreamVolume(0, ShipSink.VolumeBytes)],
    }, TimeProvider.System);

    private static long Fill(CaptureStream stream, int mebibytes, byte[] content)
    {
        var sink = stream.BeginVolume(0);
        stream.Attached(sink);
        stream.EndPull(sink);
        stream.TryEndBatch(out _);
        long point = 0;
        for (var piece = 0; piece < mebibytes * ((1 << 20) / Piece); piece++)
        {
            var from = content.AsSpan(piece * Piece % content.Length, Piece);
            if (!sink.Write((long)piece * Piece % ShipSink.VolumeBytes, from))
                throw new InvalidOperationException("the outbox is too small");
            if ((piece + 1) % PiecesPerPoint == 0) point = Cut(stream);
        }
        return point;
    }

    private static long Cut(CaptureStream stream)
    {
        using var hold = stream.Hold();
        if (hold.Cut(NewPoint, cleanShutdown: false, out var cut) != CutOutcome.Cut)
            throw new InvalidOperationException("no checkpoint could be cut");
        stream.Confirm(cut!.Sequence);
        return cut.Sequence;
    }

    private static RecoveryPoint NewPoint(long sequence) => new(Guid.NewGuid(), sequence, Epoch.First,
        TimeProvider.System.GetUtcNow(), Consistency.Crash, PointState.Open, null, null,
        new Dictionary<string, Consistency>());

    private static long Folded(string file) =>
        File.Exists(file) && long.TryParse(File.ReadAllText(file), out var folded) ? folded : 0;

    private static long Cpu(int process) => MeasuredServer.CpuNanoseconds(process);
}
