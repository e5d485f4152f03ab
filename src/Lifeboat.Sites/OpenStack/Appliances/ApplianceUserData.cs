// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Lifeboat.Sites.OpenStack.Appliances;

/// <summary>What an appliance is told as user data, and what it says on its console
/// (docs/formats/appliance.md).</summary>
internal static class ApplianceUserData
{
    private const string Head = "lifeboat-appliance 1";
    private const int FingerprintLength = 64;

    /// <param name="name">Random, used once.</param>
    public static string Write(string name, int port, X509Certificate2 ca) => Convert.ToBase64String(
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"{Head}\nname {name}\nport {port}\nca {Convert.ToBase64String(ca.RawData)}\n")));

    /// <summary>SHA-256 of its certificate; null: it has not said it yet. A console shows what an earlier start said
    /// too.</summary>
    public static string? FindFingerprint(string console, string name)
    {
        var said = $"{Head} {name} sha256:";
        return console.Split('\n', StringSplitOptions.TrimEntries)
            .Where(l => l.StartsWith(said, StringComparison.Ordinal)).Select(l => l[said.Length..])
            .LastOrDefault(f => f.Length == FingerprintLength && f.All(char.IsAsciiHexDigitLower));
    }
}
