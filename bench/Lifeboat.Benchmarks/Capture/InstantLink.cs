// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;

namespace Lifeboat.Benchmarks.Capture;

/// <summary>A recovery site that takes no time: what is sent is durable there before the send returns.</summary>
internal sealed class InstantLink(CaptureStream stream) : ILinkConnection
{
    public string PeerSite => "instant";
    public int Version => ILinkConnection.VersionNewest;
    public long ReceivedBytes => 0;

    public ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken ct)
    {
        stream.MarkDurable(stream.ShippedSequence);
        return ValueTask.CompletedTask;
    }

    public async ValueTask<ReadOnlyMemory<byte>?> ReceiveAsync(CancellationToken ct)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, ct);
        return null;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
