// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Lifeboat.Journaling.Sealing;

/// <summary>
/// AES-256-XTS (IEEE 1619) over sectors of 512 bytes, each with its number as tweak, as disks are encrypted: a sector
/// can be written over in place, at the size it has. A sector of zeroes stays one, so that holes stay holes. Any number
/// of threads.
/// </summary>
public sealed class SectorCipher : IDisposable
{
    public const int SectorBytes = 512;
    /// <summary>Two AES-256 keys.</summary>
    public const int KeyBytes = 64;

    private const int TweakBytes = 16;
    private readonly byte[] _key;
    private readonly ConcurrentBag<nint> _encrypting = [], _decrypting = [];

    /// <param name="key">64 bytes; both halves must differ.</param>
    public SectorCipher(ReadOnlySpan<byte> key)
    {
        if (key.Length != KeyBytes) throw new ArgumentException($"{key.Length} bytes of key", nameof(key));
        _key = key.ToArray();
    }

    /// <param name="first">Number of the first sector.</param>
    public void Encrypt(Span<byte> sectors, long first) => Run(sectors, first, encrypt: true);

    /// <param name="first">Number of the first sector.</param>
    public void Decrypt(Span<byte> sectors, long first) => Run(sectors, first, encrypt: false);

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_key);
        while (_encrypting.TryTake(out var context) || _decrypting.TryTake(out context)) LibCrypto.FreeContext(context);
    }

    private unsafe void Run(Span<byte> sectors, long first, bool encrypt)
    {
        if (sectors.Length % SectorBytes != 0)
            throw new ArgumentException($"{sectors.Length} bytes are no whole sectors", nameof(sectors));
        var pool = encrypt ? _encrypting : _decrypting;
        if (!pool.TryTake(out var context)) context = NewContext(encrypt);
        var tweak = stackalloc byte[TweakBytes];
        new Span<byte>(tweak, TweakBytes).Clear();
        fixed (byte* bytes = sectors)
        {
            for (var at = 0; at < sectors.Length; at += SectorBytes)
            {
                if (!sectors.Slice(at, SectorBytes).ContainsAnyExcept((byte)0)) continue;
                BinaryPrimitives.WriteInt64LittleEndian(new Span<byte>(tweak, sizeof(long)), first + at / SectorBytes);
                Require(LibCrypto.Init(context, 0, 0, null, tweak, -1));
                Require(LibCrypto.Update(context, bytes + at, out var written, bytes + at, SectorBytes));
                if (written != SectorBytes) throw new CryptographicException($"{written} of {SectorBytes} bytes");
            }
        }
        pool.Add(context);
    }

    private unsafe nint NewContext(bool encrypt)
    {
        var context = LibCrypto.NewContext();
        if (context == 0) throw new CryptographicException("no memory for a cipher");
        fixed (byte* key = _key)
            Require(LibCrypto.Init(context, LibCrypto.Aes256Xts(), 0, key, null, encrypt ? 1 : 0));
        return context;
    }

    private static void Require(int result)
    {
        if (result != 1) throw new CryptographicException("AES-256-XTS of libcrypto failed");
    }
}
