// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Replication.Linking.Compression;

namespace Lifeboat.Replication.Linking;

/// <summary>Answer to <see cref="Hello"/>: where the replica stands. Nothing after it can be older.</summary>
/// <param name="StreamId">The stream of the last durable record; empty: none yet.</param>
/// <param name="Sealed">Sequence of the newest sealed checkpoint; 0: none.</param>
/// <param name="Seeded">The base images were made from existing disks: they do not read as zeroes.</param>
/// <param name="Accepts">How frames may be packed. Not said (None) to a peer of link version 1, which would not
/// understand.</param>
public sealed record HelloReply(Epoch Epoch, Guid Replica, Guid StreamId, long Durable, long Sealed, bool Seeded,
    FrameAbilities Accepts = FrameAbilities.None)
{
    /// <summary>How long volumes are there, 0 when they are not yet; null: from a peer before link version 3.</summary>
    public IReadOnlyList<HelloVolume>? Sizes { get; init; }

    public byte[] Encode()
    {
        var abilities = Accepts != FrameAbilities.None || Sizes is not null;
        var message = MessageCodec.New(
            8 + 16 + 16 + 8 + 8 + 1 + (abilities ? 2 : 0) + (Sizes is { } s ? 2 + 10 * s.Count : 0));
        var writer = new WireWriter(message.AsSpan(MessageCodec.HeaderLength));
        writer.Int64(Epoch.Value);
        writer.Guid(Replica);
        writer.Guid(StreamId);
        writer.Int64(Durable);
        writer.Int64(Sealed);
        writer.Byte(Seeded ? (byte)1 : (byte)0);
        if (abilities) writer.UInt16((ushort)Accepts);
        if (Sizes is { } sizes)
        {
            writer.UInt16(checked((ushort)sizes.Count));
            foreach (var volume in sizes)
            {
                writer.UInt16(volume.Index);
                writer.Int64(volume.SizeBytes);
            }
        }
        MessageCodec.Seal(message, MessageKind.HelloReply);
        return message;
    }

    /// <exception cref="LinkException">Protocol: a field is not what it can be.</exception>
    public static HelloReply Decode(ReadOnlySpan<byte> payload)
    {
        var reader = new WireReader(payload);
        var reply = new HelloReply(new Epoch(reader.Count64()), reader.Guid(), reader.Guid(), reader.Count64(),
            reader.Count64(), Flag(reader.Byte()),
            reader.Left > 0 ? (FrameAbilities)reader.UInt16() : FrameAbilities.None)
        {
            Sizes = reader.Left > 0 ? ReadSizes(ref reader) : null,
        };
        reader.End();
        if (reply.Replica == Guid.Empty) throw MessageCodec.Fault("a replica without an id");
        if (reply.Sealed > reply.Durable) throw MessageCodec.Fault("a sealed point that is not durable");
        return reply;
    }

    private static HelloVolume[] ReadSizes(ref WireReader reader)
    {
        var sizes = new HelloVolume[reader.UInt16()];
        for (var i = 0; i < sizes.Length; i++) sizes[i] = new HelloVolume(reader.UInt16(), reader.Count64());
        return sizes;
    }

    private static bool Flag(byte value) =>
        value <= 1 ? value == 1 : throw MessageCodec.Fault($"unknown replica flags {value}");
}
