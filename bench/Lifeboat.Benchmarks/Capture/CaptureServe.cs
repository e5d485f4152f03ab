// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Capture;
using Lifeboat.Agent.Capture.Gateway;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Replication.Shipping;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Benchmarks.Capture;

/// <summary>
/// Capture alone, in a process of its own: the agent's gateway, tap and stream, and the packing of frames for a
/// recovery site that has everything durable at once, so that neither TLS nor a journal is measured.
/// </summary>
internal static class CaptureServe
{
    public static async Task<int> RunAsync(string runDirectory, string qmpSocket, string readyFile)
    {
        using var stop = new CancellationTokenSource();
        var time = TimeProvider.System;
        await using var gateway = CaptureGateway.Listen(Path.Combine(runDirectory, "capture.sock"), time);
        using var monitors = new QemuMonitors(runDirectory, time);
        var volume = new SourceVolume(0, "vm.disk", "vm", qmpSocket, "front0", LoadedQemu.DiskBytes);
        await using var tap = new QmpDiskTap(
            monitors.Of(qmpSocket), gateway, volume, time, NullLogger<QmpDiskTap>.Instance);
        var stream = new CaptureStream(new CaptureStreamOptions
        {
            Epoch = Epoch.First, StreamId = Guid.NewGuid(), FirstSequence = 1, OutboxBytes = 1L << 30,
            Volumes = [new StreamVolume(0, LoadedQemu.DiskBytes)],
        }, time);

        var pump = new LinkPump(new InstantLink(stream), LinkTimings.Default, time, stream.ToShip);
        var gauge = new LinkGauge(time);
        using var packer = new FramePacker(
            new CompressionChooser(() => CompressionMode.None, FrameAbilities.None, gauge, time), time);
        using var share = new LinkBudget(time).Join(() => LinkPriority.Normal);
        var feed = new FrameFeed(stream, share, () => RateCalendar.Unlimited, packer, gauge, time);
        var drain = pump.SendAllAsync(feed, stop.Token);
        var sink = stream.BeginVolume(0);
        await tap.AttachAsync(sink, Guid.NewGuid(), stop.Token);
        stream.Attached(sink);
        stream.EndPull(sink);   // the steady state: the disk's content is on the other side already
        stream.TryEndBatch(out _);
        await tap.ForgetGapAsync(stop.Token);
        await File.WriteAllTextAsync(readyFile, "capturing", stop.Token);

        var over = Console.In.ReadToEndAsync(stop.Token);
        var ended = await Task.WhenAny(over, tap.Ended, stream.GivenUp, drain);
        if (ended != over) Console.Error.WriteLine($"capture ended: {tap.Ended.Status}, {stream.GivenUp.Status}");
        await stop.CancelAsync();
        return ended == over ? 0 : 1;
    }
}
