// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Identity;

/// <summary>What a pairing token says. Its text is what people carry from one site to the other.</summary>
/// <param name="Secret">256 random bits, hex.</param>
/// <param name="CaFingerprint">SHA-256 of the CA that the other side must find behind the address.</param>
internal sealed record PairingTicket(string Id, string Secret, string Site, string Url, string Link,
    string CaFingerprint)
{
    private const string Prefix = "lifeboat-pair-1.";

    public static PairingTicket Create(string site, string url, string link, string caFingerprint) => new(
        Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)),
        Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)), site, url, link, caFingerprint);

    /// <summary>What is stored and what proofs are keyed with: the secret itself stays on paper.</summary>
    public string Key => Convert.ToHexStringLower(SHA256.HashData(Convert.FromHexString(Secret)));

    public string Write() => Prefix
        + Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(this, ContractJson.Options));

    /// <exception cref="ProblemException">PairingTokenRefused: this is no token.</exception>
    public static PairingTicket Read(string text)
    {
        try
        {
            if (text.StartsWith(Prefix, StringComparison.Ordinal) && text.Length < 4096)
            {
                var json = Base64Url.DecodeFromChars(text.AsSpan(Prefix.Length));
                var ticket = JsonSerializer.Deserialize<PairingTicket>(json, ContractJson.Options);
                if (ticket is { Secret.Length: 64 } && ticket.Secret.All(char.IsAsciiHexDigit)
                    && EntityName.IsValid(ticket.Site) && ControllerUrls.AreValid(ticket.Url))
                    return ticket;
            }
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            throw Refused(e);
        }
        throw Refused(null);
    }

    private static ProblemException Refused(Exception? cause) => new(ReasonCode.PairingTokenRefused,
        "this is not a pairing token", "Make one at the other site with `lifeboat site token`.", cause: cause);
}
