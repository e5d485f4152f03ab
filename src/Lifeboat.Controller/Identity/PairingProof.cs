// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;

namespace Lifeboat.Controller.Identity;

/// <summary>
/// HMAC-SHA256, keyed with the hash of the token's secret, over everything both sides will believe afterwards. So who
/// sits between them can change none of it, and neither proof can be sent back as the other.
/// </summary>
internal static class PairingProof
{
    public static string Of(string key, string direction, string tokenId, PairingSide maker, PairingSide joiner)
    {
        var text = string.Join('\n', "lifeboat-pair-1", direction, tokenId, maker, joiner);
        return Convert.ToHexStringLower(HMACSHA256.HashData(Convert.FromHexString(key), Encoding.UTF8.GetBytes(text)));
    }

    public static bool Matches(string expected, string given) => CryptographicOperations.FixedTimeEquals(
        Encoding.UTF8.GetBytes(expected), Encoding.UTF8.GetBytes(given));
}

internal sealed record PairingSide(string Site, string Url, string Link, string CaFingerprint)
{
    public override string ToString() => $"{Site} {Url} {Link} {CaFingerprint}";
}
