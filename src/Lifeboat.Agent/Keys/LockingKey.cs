// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Agent.Keys;

/// <summary>A key that locks the keys of stores, from a key file.</summary>
/// <param name="Fingerprint">First 8 bytes of the SHA-256 of the key, hex: tells keys apart.</param>
internal sealed record LockingKey(string Fingerprint, byte[] Key)
{
    public const int Bytes = 32;

    private const UnixFileMode Others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    /// <exception cref="ProblemException">KeyUnavailable: it is not there, not a key, or open to everybody.</exception>
    public static LockingKey Read(string file)
    {
        byte[] key;
        try
        {
            if ((File.GetUnixFileMode(file) & Others) != 0)
                throw Unavailable(file, "everybody may read or write it; chmod 600 it");
            key = Convert.FromHexString(File.ReadAllText(file, Encoding.ASCII).Trim());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            throw Unavailable(file, e.Message, e);
        }
        if (key.Length != Bytes) throw Unavailable(file, $"it holds {key.Length} bytes, not {Bytes}");
        return new LockingKey(Convert.ToHexStringLower(SHA256.HashData(key).AsSpan(0, 8)), key);
    }

    private static ProblemException Unavailable(string file, string detail, Exception? cause = null) =>
        new(ReasonCode.KeyUnavailable, $"the key file {file} cannot be used", detail, cause: cause);
}
