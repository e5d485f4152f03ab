// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Lifeboat.Journaling.Records;

/// <summary>
/// Data of a batch mark: the stream and the volumes whose order was given up (begin) or is whole again (end).
/// Layout: 16 bytes stream id as RFC 9562 big endian, u16 count, count times u16 volume index.
/// </summary>
public static class BatchPayload
{
    public static byte[] Encode(Guid streamId, IReadOnlyCollection<ushort> volumes)
    {
        ArgumentOutOfRangeException.ThrowIfZero(volumes.Count, nameof(volumes));
        var payload = new byte[18 + 2 * volumes.Count];
        streamId.TryWriteBytes(payload, bigEndian: true, out _);
        BinaryPrimitives.WriteUInt16LittleEndian(payload.AsSpan(16), checked((ushort)volumes.Count));
        var at = 18;
        foreach (var volume in volumes)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(payload.AsSpan(at), volume);
            at += 2;
        }
        return payload;
    }

    public static bool TryDecode(ReadOnlySpan<byte> payload, out Guid streamId, out ushort[] volumes)
    {
        streamId = default;
        volumes = [];
        if (payload.Length < 20) return false;
        var count = BinaryPrimitives.ReadUInt16LittleEndian(payload[16..]);
        if (count == 0 || payload.Length != 18 + 2 * count) return false;
        streamId = new Guid(payload[..16], bigEndian: true);
        volumes = new ushort[count];
        for (var i = 0; i < count; i++)
            volumes[i] = BinaryPrimitives.ReadUInt16LittleEndian(payload[(18 + 2 * i)..]);
        return true;
    }
}
