// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Identity;

/// <summary>
/// Seals what is secret in the controller's database (AES-256-GCM) with the key in `ca/site.key`, which never is in it:
/// who gets hold of the database alone has no secret. What is sealed is bound to its purpose: format 1, nonce (12
/// bytes),
/// tag (16 bytes), data. Controllers that share a database share the key.
/// </summary>
internal sealed class SiteKey
{
    private const byte Format = 1;
    private const int KeyBytes = 32, NonceBytes = 12, TagBytes = 16, Head = 1 + NonceBytes + TagBytes;
    private readonly byte[] _key;

    /// <param name="key">32 bytes.</param>
    public SiteKey(byte[] key) => _key = key;

    /// <summary>Reads the key; makes one where there is none.</summary>
    /// <exception cref="ProblemException">KeyUnavailable: the file is no key.</exception>
    public static SiteKey Open(SitePaths paths)
    {
        if (!File.Exists(paths.SiteKey))
            PrivateFile.Write(paths.SiteKey, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(KeyBytes)) + "\n");
        var text = File.ReadAllText(paths.SiteKey).Trim();
        if (text.Length == 2 * KeyBytes && text.All(char.IsAsciiHexDigit)) return new(Convert.FromHexString(text));
        throw new ProblemException(ReasonCode.KeyUnavailable, $"{paths.SiteKey} is not a key",
            "It holds 64 hex digits. Bring it back from a backup of the site: what it sealed opens with no other.");
    }

    public byte[] Seal(string purpose, ReadOnlySpan<byte> secret)
    {
        var sealedBytes = new byte[Head + secret.Length];
        sealedBytes[0] = Format;
        var nonce = sealedBytes.AsSpan(1, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(_key, TagBytes);
        aes.Encrypt(nonce, secret, sealedBytes.AsSpan(Head), sealedBytes.AsSpan(1 + NonceBytes, TagBytes),
            BoundTo(purpose));
        return sealedBytes;
    }

    public byte[] Seal(string purpose, string secret) => Seal(purpose, Encoding.UTF8.GetBytes(secret));

    /// <exception cref="ProblemException">KeyUnavailable: sealed with another key or for another purpose.</exception>
    public byte[] Open(string purpose, ReadOnlySpan<byte> sealedBytes)
    {
        try
        {
            if (sealedBytes.Length < Head || sealedBytes[0] != Format)
                throw new CryptographicException("no such format");
            var secret = new byte[sealedBytes.Length - Head];
            using var aes = new AesGcm(_key, TagBytes);
            aes.Decrypt(sealedBytes.Slice(1, NonceBytes), sealedBytes[Head..],
                sealedBytes.Slice(1 + NonceBytes, TagBytes), secret, BoundTo(purpose));
            return secret;
        }
        catch (CryptographicException e)
        {
            throw new ProblemException(ReasonCode.KeyUnavailable, $"the {purpose} cannot be opened",
                "It was sealed with another site key (ca/site.key), or was changed.", cause: e);
        }
    }

    public string OpenText(string purpose, ReadOnlySpan<byte> sealedBytes) =>
        Encoding.UTF8.GetString(Open(purpose, sealedBytes));

    private static byte[] BoundTo(string purpose) => Encoding.UTF8.GetBytes($"lifeboat secret 1|{purpose}");
}
