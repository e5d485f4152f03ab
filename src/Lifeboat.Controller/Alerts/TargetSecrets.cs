// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Identity;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Alerts;

/// <summary>
/// Secrets of alert targets as they lie in the database: AES-256-GCM under a key in a file beside the site's other
/// keys, so that neither a copy of the database nor a report from it gives them away.
/// </summary>
internal sealed class TargetSecrets(SitePaths paths)
{
    private const int KeyBytes = 32;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    private readonly Lock _gate = new();

    private string KeyFile => Path.Combine(Path.GetDirectoryName(paths.CaKey)!, "alert-targets.key");

    public string Seal(string secret, string target)
    {
        var plain = Encoding.UTF8.GetBytes(secret);
        var sealedBytes = new byte[NonceBytes + plain.Length + TagBytes];
        RandomNumberGenerator.Fill(sealedBytes.AsSpan(0, NonceBytes));
        using var cipher = new AesGcm(Key(), TagBytes);
        cipher.Encrypt(sealedBytes.AsSpan(0, NonceBytes), plain, sealedBytes.AsSpan(NonceBytes, plain.Length),
            sealedBytes.AsSpan(NonceBytes + plain.Length), Encoding.UTF8.GetBytes(target));
        return Convert.ToBase64String(sealedBytes);
    }

    /// <exception cref="ProblemException">KeyUnavailable: the key file is another one, or the text was changed.
    /// </exception>
    public string Open(string text, string target)
    {
        var sealedBytes = Convert.FromBase64String(text);
        var plain = new byte[sealedBytes.Length - NonceBytes - TagBytes];
        using var cipher = new AesGcm(Key(), TagBytes);
        try
        {
            cipher.Decrypt(sealedBytes.AsSpan(0, NonceBytes), sealedBytes.AsSpan(NonceBytes, plain.Length),
                sealedBytes.AsSpan(NonceBytes + plain.Length), plain, Encoding.UTF8.GetBytes(target));
        }
        catch (CryptographicException e)
        {
            throw new ProblemException(ReasonCode.KeyUnavailable, $"the secret of alert target {target} cannot be read",
                $"{KeyFile} is not the key that it was sealed with. Set the secret again: `lifeboat alert target add`.",
                cause: e);
        }
        return Encoding.UTF8.GetString(plain);
    }

    private byte[] Key()
    {
        lock (_gate)
        {
            if (!File.Exists(KeyFile))
                PrivateFile.Write(KeyFile, Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes)));
            return Convert.FromBase64String(File.ReadAllText(KeyFile).Trim());
        }
    }
}
