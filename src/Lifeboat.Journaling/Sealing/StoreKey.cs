// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;

namespace Lifeboat.Journaling.Sealing;

/// <summary>
/// The key of one store (a replica, an outbox log). Every file and image has one of its own that follows from it by
/// HKDF-SHA256 (RFC 5869), so that equal content at equal places does not look equal.
/// </summary>
public sealed class StoreKey
{
    public const int Length = 32;

    private readonly byte[] _key;

    /// <param name="id">Tells keys apart; not secret.</param>
    public StoreKey(Guid id, ReadOnlySpan<byte> key)
    {
        if (key.Length != Length) throw new ArgumentException($"{key.Length} bytes of key", nameof(key));
        (Id, _key) = (id, key.ToArray());
    }

    public Guid Id { get; }

    /// <param name="purpose">What it is for; part of the format.</param>
    /// <param name="salt">Unique for each file or image.</param>
    public SectorCipher CipherOf(string purpose, ReadOnlySpan<byte> salt)
    {
        Span<byte> key = stackalloc byte[SectorCipher.KeyBytes];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _key, key, salt, Encoding.UTF8.GetBytes(purpose));
        var cipher = new SectorCipher(key);
        CryptographicOperations.ZeroMemory(key);
        return cipher;
    }
}
