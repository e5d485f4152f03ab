// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Lifeboat.Sites.Qemu.Instances;

/// <summary>How long a disk is by its image: it may have grown since its record was written.</summary>
internal static class ImageLength
{
    private const int VirtualSizeAt = 24; // big endian, in the header of a qcow2 image

    /// <returns>What the record says when the image cannot tell.</returns>
    public static long Of(DiskRecord disk)
    {
        if (disk.File is not { } file) return disk.SizeBytes;
        try
        {
            using var image = File.OpenHandle(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            if (disk.Format == "raw") return Math.Max(disk.SizeBytes, RandomAccess.GetLength(image) / 512 * 512);
            if (disk.Format != "qcow2") return disk.SizeBytes;
            Span<byte> size = stackalloc byte[sizeof(long)];
            return RandomAccess.Read(image, size, VirtualSizeAt) == size.Length
                ? Math.Max(disk.SizeBytes, BinaryPrimitives.ReadInt64BigEndian(size))
                : disk.SizeBytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return disk.SizeBytes;
        }
    }
}
