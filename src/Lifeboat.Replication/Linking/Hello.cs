// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Replication.Linking;

/// <summary>First message of a session, from the source.</summary>
/// <param name="Replica">The replica it last shipped to; empty: none.</param>
/// <param name="StreamId">Its stream; empty: it has none.</param>
/// <param name="Durable">Last sequence it knows to be durable at the recovery site.</param>
public sealed record Hello(string Group, Epoch Epoch, Guid Replica, Guid StreamId, long Durable,
    IReadOnlyList<HelloVolume> Volumes)
{
    private const int VolumesMax = 1024;

    /// <summary>How often the source was moved to another agent in this epoch; said since link version 4.</summary>
    public long Moves { get; init; }

    public byte[] Encode()
    {
        var group = WireWriter.Utf8(Group, 255);
        var message = MessageCodec.New(8 + 16 + 16 + 8 + 2 + group.Length + 2 + 10 * Volumes.Count
            + (Moves > 0 ? 8 : 0));
        var writer = new WireWriter(message.AsSpan(MessageCodec.HeaderLength));
        writer.Int64(Epoch.Value);
        writer.Guid(Replica);
        writer.Guid(StreamId);
        writer.Int64(Durable);
        writer.Text(group);
        writer.UInt16(checked((ushort)Volumes.Count));
        foreach (var volume in Volumes)
        {
            writer.UInt16(volume.Index);
            writer.Int64(volume.SizeBytes);
        }
        if (Moves > 0) writer.Int64(Moves);
        MessageCodec.Seal(message, MessageKind.Hello);
        return message;
    }

    /// <exception cref="LinkException">Protocol: a field is not what it can be.</exception>
    public static Hello Decode(ReadOnlySpan<byte> payload)
    {
        var reader = new WireReader(payload);
        var epoch = new Epoch(reader.Count64());
        var replica = reader.Guid();
        var stream = reader.Guid();
        var durable = reader.Count64();
        var group = reader.Text(255);
        var count = reader.UInt16();
        if (count > VolumesMax) throw MessageCodec.Fault($"{count} volumes");
        var volumes = new HelloVolume[count];
        for (var i = 0; i < count; i++) volumes[i] = new HelloVolume(reader.UInt16(), reader.Count64());
        var moves = reader.Left > 0 ? reader.Count64() : 0;
        reader.End();
        return new Hello(group, epoch, replica, stream, durable, volumes) { Moves = moves };
    }
}

public readonly record struct HelloVolume(ushort Index, long SizeBytes);
