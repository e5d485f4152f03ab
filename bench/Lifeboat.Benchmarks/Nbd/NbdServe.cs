// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Agent.Capture.Gateway;
using Lifeboat.Benchmarks.Capture;
using Lifeboat.Nbd;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Benchmarks.Nbd;

/// <summary>Serves one export until standard input ends.</summary>
internal static class NbdServe
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        if (arguments is not [var kind, var socket, var argument])
            return 2;
        using var stop = new CancellationTokenSource();
        using var file = kind == "file" ? FileExport.Open("", argument, readOnly: false) : null;
        INbdExport export = kind switch
        {
            "file" => file!,
            "outbox" => Outbox(long.Parse(argument), stop.Token),
            _ => new MemoryExport("", long.Parse(argument)),
        };
        // For the one who compares the two: the same process has both.
        await using var beside = kind == "outbox"
            ? Listen(socket + ".memory", new MemoryExport("", long.Parse(argument)))
            : null;
        await using var server = Listen(socket, export);
        await Console.In.ReadToEndAsync();
        await stop.CancelAsync();
        return 0;
    }

    private static NbdServer Listen(string socket, INbdExport export) =>
        NbdServer.Listen(new UnixDomainSocketEndPoint(socket), new NbdExports(export), NbdServerOptions.Default);

    // As in the agent: the stream's order, records in its outbox, frames packed for a site that takes no time.
    private static CaptureConnection Outbox(long size, CancellationToken ct)
    {
        var time = TimeProvider.System;
        var stream = new CaptureStream(new CaptureStreamOptions
        {
            Epoch = Epoch.First, StreamId = Guid.NewGuid(), FirstSequence = 1, OutboxBytes = 1L << 30,
            Volumes = [new StreamVolume(0, size)],
        }, time);
        var gauge = new LinkGauge(time);
        var packer = new FramePacker(
            new CompressionChooser(() => CompressionMode.None, FrameAbilities.None, gauge, time), time);
        var pump = new LinkPump(new InstantLink(stream), LinkTimings.Default, time, stream.ToShip);
        var share = new LinkBudget(time).Join(() => LinkPriority.Normal);
        var feed = new FrameFeed(stream, share, () => RateCalendar.Unlimited, packer, gauge, time);
        _ = pump.SendAllAsync(feed, ct);
        var sink = stream.BeginVolume(0);
        stream.Attached(sink);
        stream.EndPull(sink);
        stream.TryEndBatch(out _);
        return new CaptureConnection("", size, sink, _ => { });
    }
}
