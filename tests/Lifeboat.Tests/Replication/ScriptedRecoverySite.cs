// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Replication.Linking;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Replication;

/// <summary>
/// The other end of the link, played from the protocol's description alone: keeps every record, and complains about
/// anything that a source must never send.
/// </summary>
internal sealed class ScriptedRecoverySite(byte[][] bases)
{
    private ILinkConnection? _live;
    private Guid _stream;
    private bool _inBatch;

    public Guid ReplicaId { get; set; } = new("aaaaaaaa-0000-0000-0000-000000000001");
    public Epoch Epoch { get; set; } = new(3);
    public bool Seeded { get; set; }
    /// <summary>Answers every hello, and the next frame, with this.</summary>
    public ReasonCode? Refusal { get; set; }
    public bool HoldAcks { get; set; }
    public List<(RecordHeader Header, byte[] Data)> Records { get; } = [];
    public long Sealed { get; private set; }
    public int Hellos { get; private set; }
    public int Streams { get; private set; }
    public int Duplicates { get; private set; }
    public long DataBytes => Records.Where(r => r.Header.TouchesVolume).Sum(r => (long)r.Data.Length);
    public long Durable => Records.Count;

    public byte[] Image(ushort volume, long sequence = long.MaxValue)
    {
        var image = bases[volume].ToArray();
        StreamReader.Apply(Records.TakeWhile(r => r.Header.Sequence <= sequence), volume, image);
        return image;
    }

    /// <summary>An older copy of the replica is put back.</summary>
    public void RestoreTo(long sequence)
    {
        Records.RemoveRange((int)sequence, Records.Count - (int)sequence);
        Sealed = Records.LastOrDefault(r => r.Header.Kind == RecordKind.Checkpoint).Header.Sequence;
    }

    public async Task ServeAsync(ILinkConnection connection)
    {
        await using var owned = connection;
        try
        {
            await TalkAsync(connection);
        }
        catch (LinkException)
        {
            // The network of the test breaks connections.
        }
    }

    private async Task TalkAsync(ILinkConnection connection)
    {
        var ct = CancellationToken.None;
        if (await connection.ReceiveAsync(ct) is not { } first) return;
        Need(MessageCodec.Open(first, out var payload) == MessageKind.Hello, "the first message is a hello");
        var hello = Hello.Decode(payload.Span);
        Hellos++;
        var refusal = hello.Epoch < Epoch ? ReasonCode.StaleEpoch : Refusal;
        if (refusal is { } reason)
        {
            await connection.SendAsync(new Refused(reason, Epoch, "as the test says").Encode(), ct);
            return;
        }
        _live = connection;
        var reply = new HelloReply(Epoch, ReplicaId, _stream, Durable, Math.Min(Sealed, Durable), Seeded);
        await connection.SendAsync(reply.Encode(), ct);
        while (await connection.ReceiveAsync(ct) is { } message)
        {
            if (_live != connection) return;
            var answer = MessageCodec.Open(message, out payload) switch
            {
                MessageKind.Frame => Take(payload),
                MessageKind.DigestRequest => Digest(DigestRequest.Decode(payload.Span)),
                MessageKind.Ping => Ping.Decode(payload.Span).Encode(MessageKind.Pong),
                MessageKind.Pong => null,
                var kind => throw new SimulationFailure($"a source sent {kind}"),
            };
            if (answer is not null) await connection.SendAsync(answer, ct);
        }
    }

    private byte[]? Take(ReadOnlyMemory<byte> payload)
    {
        var frame = FrameHeader.Decode(payload, out var left);
        if (frame.Epoch < Epoch) return new Refused(ReasonCode.StaleEpoch, Epoch, "an old frame").Encode();
        if (Refusal is { } refusal) return new Refused(refusal, Epoch, "as the test says").Encode();
        Need(frame.First <= Durable + 1, "frames have no gap");
        for (var i = 0; i < frame.Count; i++)
        {
            var outcome = RecordCodec.TryRead(left.Span, out var header, out var length);
            Need(outcome == RecordReadOutcome.Read && header.Sequence == frame.First + i, "a frame holds its records");
            var data = RecordCodec.DataOf(left, header).ToArray();
            left = left[length..];
            if (header.Sequence <= Durable) Duplicates++;
            else Keep(frame.StreamId, header, data);
        }
        Need(left.IsEmpty, "nothing is behind the records");
        return HoldAcks ? null : new Ack(_stream, Durable, Sealed).Encode();
    }

    private void Keep(Guid stream, in RecordHeader header, byte[] data)
    {
        if (stream != _stream)
        {
            Need(header.Kind == RecordKind.BatchBegin, "a new stream begins with a batch");
            (_stream, Streams) = (stream, Streams + 1);
        }
        if (header.Kind == RecordKind.BatchBegin) _inBatch = true;
        if (header.Kind == RecordKind.BatchEnd) _inBatch = false;
        if (header.Kind == RecordKind.Checkpoint)
        {
            Need(!_inBatch, "no checkpoint stands in a batch");
            if (!header.Flags.HasFlag(RecordFlags.Withdrawn)) Sealed = header.Sequence;
        }
        Records.Add((header, data));
    }

    /// <summary>The lowest sequence that digests were asked of.</summary>
    public long OldestDigested { get; private set; } = long.MaxValue;

    public int DigestRequests { get; private set; }

    private byte[] Digest(DigestRequest request)
    {
        DigestRequests++;
        OldestDigested = Math.Min(OldestDigested, request.Sequence);
        Need(request.Sequence <= Durable, "digests are asked of what is durable");
        var image = Image(request.Volume, request.Sequence);
        var reply = DigestReply.New(request.Id, request.Count, out var digests);
        for (var i = 0; i < request.Count; i++)
        {
            var at = (int)request.Offset + i * request.BlockBytes;
            var length = Math.Min(request.BlockBytes, image.Length - at);
            var block = image.AsSpan(at, length);
            var hashed = request.BlockBytes == DigestRequest.NodeBytes ? Leaves(block) : block.ToArray();
            SHA256.HashData(hashed)[..16].CopyTo(digests.Slice(16 * i, 16));
        }
        MessageCodec.Seal(reply, MessageKind.DigestReply);
        return reply;
    }

    private static byte[] Leaves(ReadOnlySpan<byte> node)
    {
        var leaves = new List<byte>();
        for (; !node.IsEmpty; node = node[Math.Min(1 << 20, node.Length)..])
            leaves.AddRange(SHA256.HashData(node[..Math.Min(1 << 20, node.Length)])[..16]);
        return [.. leaves];
    }

    private static void Need(bool condition, string what)
    {
        if (!condition) throw new SimulationFailure(what);
    }
}

/// <summary>The source did what a source must never do.</summary>
internal sealed class SimulationFailure(string what) : Exception($"broken by the source: {what}");
