// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Text;
using Lifeboat.Agent.Linking;
using Lifeboat.Contracts.Sites;
using Lifeboat.Journaling.Segments;
using Lifeboat.Protection;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Replication.Receiving;
using Lifeboat.Replication.Replicas;
using Lifeboat.Volumes.Files;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Benchmarks.Shipping;

/// <summary>
/// The receiving end, in a process of its own: either frames are checked and acknowledged and nothing more, or they go
/// into a replica (journal, flush, fold) as in the agent. How far it has folded stands in the file `folded`.
/// </summary>
internal static class ShipSink
{
    public const string Group = "bench";
    public const long VolumeBytes = 1L << 30;

    public static async Task<int> RunAsync(string site, string folder, int port, string readyFile, bool replica)
    {
        using var stop = new CancellationTokenSource();
        var time = TimeProvider.System;
        var paths = new SitePaths(site);
        var address = new IPEndPoint(IPAddress.Loopback, port);
        var listenerLog = NullLogger<LinkListener>.Instance;
        if (!replica)
        {
            await using var plain = LinkListener.Listen(address, paths, AcknowledgeAsync, time, listenerLog);
            await File.WriteAllTextAsync(readyFile, "listening");
            await Console.In.ReadToEndAsync();
            return 0;
        }
        await using var target = await OpenAsync(folder, time);
        var acceptor = new LinkAcceptor(LinkTimings.Default, time, NullLogger<LinkAcceptor>.Instance);
        acceptor.Put(new ReplicaReceiver(target, new ReceiverOptions { PrimarySite = "site-a" }, time,
            NullLogger<ReplicaReceiver>.Instance));
        await using (LinkListener.Listen(address, paths, acceptor.ServeAsync, time, listenerLog))
        {
            await File.WriteAllTextAsync(readyFile, "listening");
            using var progress = File.OpenHandle(Path.Combine(folder, "folded"), FileMode.Create, FileAccess.Write,
                FileShare.Read);
            var over = Task.Factory.StartNew(Console.In.ReadToEnd, TaskCreationOptions.LongRunning);
            while (!over.IsCompleted)
            {
                var folded = await target.FoldAsync(time.GetUtcNow(), 64L << 20, stop.Token);
                // Always as long, and over itself: renaming a file over another waits for its data.
                await RandomAccess.WriteAsync(progress, Encoding.ASCII.GetBytes($"{target.FoldedSequence:D19}"), 0);
                if (folded.Outcome == FoldOutcome.More) continue;
                bool HasMore() => target.Points is [.., var point] && point.Sequence > target.FoldedSequence;
                while (!over.IsCompleted && !HasMore()) await Task.Delay(1);
            }
        }
        return 0;
    }

    private static Task<Replica> OpenAsync(string folder, TimeProvider time) => Replica.OpenAsync(
        new ReplicaDefinition(Group, Epoch.First, [new ReplicaVolume(0, "disk", VolumeBytes)], TimeSpan.Zero),
        new ReplicaOptions
        {
            NewId = Guid.NewGuid,
            Journal = new JournalOptions { NewSalt = () => (ulong)Random.Shared.NextInt64() },
        },
        new FileStorage(Path.Combine(folder, "journal")), new FileReplicaStore(Path.Combine(folder, "base")), time,
        CancellationToken.None);

    private static async Task AcknowledgeAsync(ILinkConnection connection, CancellationToken ct)
    {
        await using var owned = connection;
        if (await connection.ReceiveAsync(ct) is null) return;
        using var unpacker = new FrameUnpacker(FrameAbilities.All);
        var reply = new HelloReply(Epoch.First, Guid.NewGuid(), Guid.Empty, 0, 0, false, FrameAbilities.All);
        await connection.SendAsync(reply.Encode(), ct);
        FrameHeader last = default;
        var unsaid = false;
        while (true)
        {
            var next = connection.ReceiveAsync(ct).AsTask();
            if (unsaid && !next.IsCompleted)
                await connection.SendAsync(new Ack(last.StreamId, last.Last, 0).Encode(), ct);
            unsaid &= next.IsCompleted;
            if (await next is not { } message) return;
            if (MessageCodec.Open(message, out var payload) != MessageKind.Frame) continue;
            last = unpacker.Open(payload, out _);
            unsaid = true;
        }
    }
}
