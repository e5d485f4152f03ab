// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Lifeboat.Appliance;

/// <summary>
/// What a site tells an appliance as user data, none of it secret (docs/formats/appliance.md): lines of a word and its
/// value.
/// </summary>
/// <param name="Name">Random, used once: says on the console whose fingerprint it is.</param>
/// <param name="Ca">Who signs the certificates of those that may write.</param>
internal sealed record ApplianceOrder(string Name, int Port, X509Certificate2 Ca)
{
    public const int NameLength = 32;
    private const string Head = "lifeboat-appliance 1";

    /// <exception cref="InvalidDataException">All that is wrong with it.</exception>
    public static ApplianceOrder Parse(string text)
    {
        var lines = text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (lines.Length == 0 || lines[0] != Head)
            throw new InvalidDataException($"the user data does not begin with '{Head}'");
        var said = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var words in lines.Skip(1).Select(l => l.Split(' ', 2)))
            said[words[0]] = words.Length == 2 ? words[1] : "";
        var problems = new List<string>();
        var name = said.GetValueOrDefault("name", "");
        if (name.Length != NameLength || !name.All(char.IsAsciiHexDigitLower))
            problems.Add($"name is '{name}'; it must be {NameLength} hex digits");
        if (!int.TryParse(said.GetValueOrDefault("port"), NumberStyles.None, CultureInfo.InvariantCulture,
            out var port) || port is < 1 or > 65535)
            problems.Add($"port is '{said.GetValueOrDefault("port")}'; it must be 1 to 65535");
        var ca = ReadCa(said.GetValueOrDefault("ca", ""), problems);
        return problems.Count == 0 ? new ApplianceOrder(name, port, ca!)
            : throw new InvalidDataException(string.Join("; ", problems));
    }

    private static X509Certificate2? ReadCa(string base64, List<string> problems)
    {
        try
        {
            return X509CertificateLoader.LoadCertificate(Convert.FromBase64String(base64));
        }
        catch (Exception e) when (e is FormatException or CryptographicException)
        {
            problems.Add($"ca is no certificate in base64: {e.Message}");
            return null;
        }
    }
}
