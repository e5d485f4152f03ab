// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Security.Cryptography;
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Replicas;
using ZstdSharp;

namespace Lifeboat.Volumes.Files.Seeds;

/// <summary>
/// Writes a seed, all of it or nothing: into a directory aside, which gets its name when everything in it is durable.
/// Failures are <see cref="StorageException"/>.
/// </summary>
public sealed class SeedWriter : IDisposable
{
    public const int ChunkBytes = SeedChunk.Bytes;
    private readonly string _aside;
    private readonly List<SeedVolume> _volumes = [];
    private readonly Compressor _compressor = new(1);
    private readonly byte[] _out = new byte[SeedChunk.HeadBytes + SeedChunk.Bytes];
    private RawFile? _file;
    private IncrementalHash _digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _at, _chunks, _last;
    private bool _done;

    private SeedWriter(string directory, string aside) => (Directory, _aside) = (directory, aside);

    /// <summary>Where the seed is once it is whole.</summary>
    public string Directory { get; }
    public long WrittenBytes { get; private set; }

    /// <summary>Where the seed of a group would be in a directory.</summary>
    public static string Place(string directory, string group) => Path.Combine(directory, group + ".seed");

    /// <param name="directory">It exists. What an export that was cut off has left of this group is dropped.</param>
    public static SeedWriter Create(string directory, string group)
    {
        var place = Place(directory, group);
        var aside = place + ".part";
        try
        {
            if (System.IO.Directory.Exists(place))
                throw new StorageException(StorageFault.Io, $"{place} is there already; it is not overwritten");
            if (System.IO.Directory.Exists(aside)) System.IO.Directory.Delete(aside, recursive: true);
            System.IO.Directory.CreateDirectory(aside);
            return new SeedWriter(place, aside);
        }
        catch (Exception e) when (StorageErrors.IsOurs(e))
        {
            throw StorageErrors.From(e, aside);
        }
    }

    public void BeginVolume(ushort index)
    {
        _file = RawFile.Open(Path.Combine(_aside, NameOf(index)), FileMode.CreateNew);
        (_at, _chunks, _last) = (0, 0, -1);
    }

    /// <summary>Adds a chunk; one of zeroes is left out. In order of their offsets.</summary>
    public void Add(long offset, ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes.Length, SeedChunk.Bytes);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(offset, _last);
        _last = offset;
        if (!bytes.ContainsAnyExcept((byte)0)) return;
        Span<byte> entry = stackalloc byte[8 + SeedChunk.DigestBytes];
        BinaryPrimitives.WriteInt64LittleEndian(entry, offset);
        BlockDigest.Compute(bytes, entry[8..]);
        _digest.AppendData(entry);
        var stored = _out.AsSpan(SeedChunk.HeadBytes);
        // Less than a sixteenth saved is not worth unpacking.
        var packed = _compressor.TryWrap(bytes, stored[..(bytes.Length - bytes.Length / 16)], out var length);
        if (!packed)
        {
            length = bytes.Length;
            bytes.CopyTo(stored);
        }
        new SeedChunk(offset, packed, bytes.Length, length).Encode(_out, entry[8..]);
        _file!.Write(_at, _out.AsSpan(0, SeedChunk.HeadBytes + length));
        _at += SeedChunk.HeadBytes + length;
        WrittenBytes += SeedChunk.HeadBytes + length;
        _chunks++;
    }

    public void EndVolume(ushort index, string name, long sizeBytes)
    {
        _file!.Flush();
        _file.Dispose();
        _file = null;
        _volumes.Add(new SeedVolume(index, name, sizeBytes, NameOf(index), _at, _chunks,
            Convert.ToHexStringLower(_digest.GetHashAndReset())));
    }

    /// <summary>Ends it: from here on it is a seed.</summary>
    /// <param name="about">Everything but the volumes.</param>
    public SeedManifest Finish(SeedManifest about)
    {
        var manifest = about with { ChunkBytes = SeedChunk.Bytes, Volumes = _volumes };
        manifest.Save(_aside);
        Sync(_aside);
        try
        {
            System.IO.Directory.Move(_aside, Directory);
        }
        catch (Exception e) when (StorageErrors.IsOurs(e))
        {
            throw StorageErrors.From(e, Directory);
        }
        Sync(Path.GetDirectoryName(Directory)!);
        _done = true;
        return manifest;
    }

    /// <summary>What is not finished is removed.</summary>
    public void Dispose()
    {
        _file?.Dispose();
        _digest.Dispose();
        _compressor.Dispose();
        if (_done || !System.IO.Directory.Exists(_aside)) return;
        try
        {
            System.IO.Directory.Delete(_aside, recursive: true);
        }
        catch (Exception e) when (StorageErrors.IsOurs(e))
        {
            // The medium was pulled out, for one; the next export here drops what is left.
        }
    }

    private static string NameOf(ushort index) => $"volume-{index}.chunks";

    private static void Sync(string directory)
    {
        var errno = Posix.SyncDirectory(directory);
        if (errno != 0) throw StorageErrors.FromErrno(errno, "fsync", directory);
    }
}
