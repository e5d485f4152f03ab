// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;

namespace Lifeboat.Replication.Linking;

/// <summary>How a source reaches the recovery site's agent. Real: TCP + TLS 1.3 with certificates on both
/// sides.</summary>
public interface ILink
{
    /// <param name="path">Where to connect from; <see cref="LinkPath.Any"/>: the system's choice.</param>
    /// <exception cref="LinkException">Not reachable, or a side refused the other's certificate.</exception>
    Task<ILinkConnection> ConnectAsync(string target, string expectedSite, LinkPath path, CancellationToken ct);
}

/// <summary>
/// An ordered, reliable, authenticated message connection. Messages are at most <see cref="MessageMax"/> bytes.
/// One reader and one writer at a time. A dead peer is noticed by the protocol above (keepalive), not here.
/// </summary>
public interface ILinkConnection : IAsyncDisposable
{
    const int MessageMax = 9 << 20;

    /// <summary>The newest link version, and the oldest that is still spoken. 2: packed frames, resends; 3: digest
    /// trees, sizes of volumes; 4: how often a source was moved.</summary>
    const int VersionNewest = 4, VersionOldest = 1;

    /// <summary>The site named in the peer's certificate.</summary>
    string PeerSite { get; }

    /// <summary>The link version that both sides speak, agreed before the first message.</summary>
    int Version { get; }

    /// <summary>
    /// Bytes that came in so far, those of a message that is not whole yet too: on a slow link they are the only sign
    /// that the peer lives. Any thread.
    /// </summary>
    long ReceivedBytes { get; }

    ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken ct);

    /// <summary>The next message, valid until the next call; null when the peer closed in an orderly way.</summary>
    ValueTask<ReadOnlyMemory<byte>?> ReceiveAsync(CancellationToken ct);
}

/// <summary>
/// A connection that takes and gives a long message in two parts, so that the longer one is not copied for its sake.
/// </summary>
public interface ITwoPartConnection : ILinkConnection
{
    /// <summary>Sends both as one message.</summary>
    /// <param name="head">At most 4 KiB.</param>
    ValueTask SendAsync(ReadOnlyMemory<byte> head, ReadOnlyMemory<byte> body, CancellationToken ct);

    /// <summary>
    /// The next message, whole or in two parts, valid until the next call; null when the peer closed.
    /// </summary>
    /// <param name="place">Asked about a long message that has come to its end, or nearly.</param>
    ValueTask<MessageParts?> ReceiveAsync(PlaceBody place, CancellationToken ct);
}

/// <summary>Says where the rest of a message is to be put.</summary>
/// <param name="head">
/// The message's first <see cref="MessageParts.HeadLength"/> bytes. Nothing in it is proved yet.
/// </param>
/// <param name="length">Bytes that follow.</param>
/// <returns>As long as that, and left alone until it is there; empty: anywhere.</returns>
public delegate Memory<byte> PlaceBody(ReadOnlySpan<byte> head, int length);

/// <param name="Head">The whole message, when there is no body.</param>
public readonly record struct MessageParts(ReadOnlyMemory<byte> Head, ReadOnlyMemory<byte> Body)
{
    /// <summary>As much as comes before the records of a frame.</summary>
    public const int HeadLength = MessageCodec.HeaderLength + FrameHeader.Length;
}

public enum LinkFault { Unreachable = 1, CertificateRefused = 2, Broken = 3, Protocol = 4 }

public sealed class LinkException(LinkFault fault, string message, Exception? cause = null) : Exception(message, cause)
{
    public LinkFault Fault => fault;
}
