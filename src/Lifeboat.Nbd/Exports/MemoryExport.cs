// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>A sparse disk in memory, in chunks of 256 KiB that exist once something was written to them.</summary>
public sealed class MemoryExport : INbdExport, IPlacesWrites
{
    private const int ChunkBytes = 256 * 1024;

    private readonly byte[]?[] _chunks;

    public MemoryExport(string name, long size, bool readOnly = false)
    {
        Info = new NbdExportInfo
        {
            Name = name,
            Size = size,
            ReadOnly = readOnly,
            CanMultiConn = true,
            CanTrim = true,
            CanZero = true,
            CanFastZero = true,
            CanCache = true,
            MetaContexts = [NbdExtent.BaseAllocation],
        };
        _chunks = new byte[]?[(size + ChunkBytes - 1) / ChunkBytes];
    }

    public NbdExportInfo Info { get; }

    public NbdError Read(long offset, Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            var (index, at) = ((int)(offset / ChunkBytes), (int)(offset % ChunkBytes));
            var part = buffer[..Math.Min(buffer.Length, ChunkBytes - at)];
            if (Volatile.Read(ref _chunks[index]) is { } chunk)
                chunk.AsSpan(at, part.Length).CopyTo(part);
            else
                part.Clear();
            buffer = buffer[part.Length..];
            offset += part.Length;
        }
        return NbdError.None;
    }

    public NbdError Write(long offset, ReadOnlySpan<byte> data, bool fua)
    {
        while (!data.IsEmpty)
        {
            var (index, at) = ((int)(offset / ChunkBytes), (int)(offset % ChunkBytes));
            var part = data[..Math.Min(data.Length, ChunkBytes - at)];
            part.CopyTo(Chunk(index).AsSpan(at));
            data = data[part.Length..];
            offset += part.Length;
        }
        return NbdError.None;
    }

    public Memory<byte> Place(long offset, int length)
    {
        var at = (int)(offset % ChunkBytes);
        return Chunk((int)(offset / ChunkBytes)).AsMemory(at, Math.Min(length, ChunkBytes - at));
    }

    public NbdError WritePlaced(long offset, Memory<byte> place, bool fua) => NbdError.None;

    public NbdError Zero(long offset, long length, NbdZeroFlags flags)
    {
        var keep = flags.HasFlag(NbdZeroFlags.NoHole);
        while (length > 0)
        {
            var (index, at) = ((int)(offset / ChunkBytes), (int)(offset % ChunkBytes));
            var part = (int)Math.Min(length, ChunkBytes - at);
            if (part == ChunkBytes && !keep)
                Volatile.Write(ref _chunks[index], null);
            else if (keep)
                Chunk(index).AsSpan(at, part).Clear();
            else
                Volatile.Read(ref _chunks[index])?.AsSpan(at, part).Clear();
            (length, offset) = (length - part, offset + part);
        }
        return NbdError.None;
    }

    public NbdError Trim(long offset, long length, bool fua) => Zero(offset, length, NbdZeroFlags.None);

    public NbdError BlockStatus(string context, long offset, long length, NbdExtents extents)
    {
        var end = offset + length;
        while (offset < end)
        {
            var index = (int)(offset / ChunkBytes);
            var next = Math.Min(end, (long)(index + 1) * ChunkBytes);
            var flags = Volatile.Read(ref _chunks[index]) is null ? NbdExtent.Hole | NbdExtent.Zero : 0;
            if (!extents.Add(next - offset, flags))
                break;
            offset = next;
        }
        return NbdError.None;
    }

    private byte[] Chunk(int index)
    {
        if (Volatile.Read(ref _chunks[index]) is { } chunk)
            return chunk;
        var fresh = new byte[ChunkBytes];
        return Interlocked.CompareExchange(ref _chunks[index], fresh, null) ?? fresh;
    }
}
