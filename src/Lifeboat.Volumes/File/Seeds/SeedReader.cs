// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Security.Cryptography;
using Lifeboat.Replication.Replicas;
using Microsoft.Win32.SafeHandles;
using ZstdSharp;

namespace Lifeboat.Volumes.Files.Seeds;

/// <summary>Reads the chunks of one volume of a seed, each verified.</summary>
internal sealed class SeedReader : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly Decompressor _decompressor = new();
    private readonly IncrementalHash _digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _stored = new byte[SeedChunk.Bytes], _raw = new byte[SeedChunk.Bytes];
    private readonly byte[] _head = new byte[SeedChunk.HeadBytes];
    private long _at;

    /// <exception cref="IOException">It cannot be opened.</exception>
    public SeedReader(string path) => _file = File.OpenHandle(path, options: FileOptions.SequentialScan);

    public long Chunks { get; private set; }
    public long ReadBytes => _at;
    public string Digest => Convert.ToHexStringLower(_digest.GetCurrentHash());

    /// <summary>
    /// The next chunk. Null at the end, and when nothing that follows can be read any more (with a problem).
    /// </summary>
    /// <param name="problem">What is wrong with it; then its bytes mean nothing.</param>
    public (long Offset, ReadOnlyMemory<byte> Bytes)? Next(out string? problem)
    {
        problem = null;
        var got = Fill(_head);
        if (got == 0) return null;
        if (got < _head.Length || !SeedChunk.TryDecode(_head, out var chunk))
        {
            problem = $"the head of a chunk at byte {_at} of the file is damaged; what follows cannot be read";
            return null;
        }
        _at += SeedChunk.HeadBytes;
        var stored = _stored.AsSpan(0, chunk.StoredLength);
        if (Fill(stored) < stored.Length)
        {
            problem = $"the file ends inside the chunk for byte {chunk.Offset}";
            return null;
        }
        _at += chunk.StoredLength;
        Chunks++;
        Span<byte> entry = stackalloc byte[8 + SeedChunk.DigestBytes];
        BinaryPrimitives.WriteInt64LittleEndian(entry, chunk.Offset);
        SeedChunk.DigestOf(_head).CopyTo(entry[8..]);
        _digest.AppendData(entry);
        if (!Unpack(chunk, stored) || !IsRight(_raw.AsSpan(0, chunk.RawLength)))
            problem = $"the chunk for byte {chunk.Offset} is damaged";
        return (chunk.Offset, _raw.AsMemory(0, chunk.RawLength));
    }

    public void Dispose()
    {
        _file.Dispose();
        _decompressor.Dispose();
        _digest.Dispose();
    }

    private bool Unpack(SeedChunk chunk, ReadOnlySpan<byte> stored)
    {
        if (!chunk.Packed)
        {
            stored.CopyTo(_raw);
            return true;
        }
        try
        {
            return _decompressor.TryUnwrap(stored, _raw.AsSpan(0, chunk.RawLength), out var length)
                && length == chunk.RawLength;
        }
        catch (ZstdException)
        {
            return false; // no Zstandard frame, or a damaged one
        }
    }

    private bool IsRight(ReadOnlySpan<byte> raw)
    {
        Span<byte> digest = stackalloc byte[SeedChunk.DigestBytes];
        BlockDigest.Compute(raw, digest);
        return digest.SequenceEqual(SeedChunk.DigestOf(_head));
    }

    private int Fill(Span<byte> buffer)
    {
        var done = 0;
        while (done < buffer.Length && RandomAccess.Read(_file, buffer[done..], _at + done) is > 0 and var count)
            done += count;
        return done;
    }
}
