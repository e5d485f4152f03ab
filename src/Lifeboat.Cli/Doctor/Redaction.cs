// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;

namespace Lifeboat.Cli.Doctor;

/// <summary>
/// Takes what is secret out of text that leaves the site: by its form (tokens, private keys, passwords in addresses and
/// beside their name), and by its value (the site's own keys, wherever they turn up).
/// </summary>
internal sealed partial class Redaction
{
    public const string Mark = "[redacted]";
    // Shorter ones turn up by chance.
    private const int ValueLeast = 8;

    private readonly IReadOnlyList<string> _values;

    /// <param name="secrets">Must not be in anything; what is shorter than 8 characters is passed over.</param>
    public Redaction(IEnumerable<string> secrets) => _values =
    [
        .. secrets.SelectMany(s => s.Split('\n', StringSplitOptions.TrimEntries))
            .Where(line => line.Length >= ValueLeast && !line.StartsWith("-----", StringComparison.Ordinal))
            .Distinct(StringComparer.Ordinal),
    ];

    public string Apply(string text)
    {
        text = PrivateKey().Replace(text, Mark);
        text = OwnToken().Replace(text, "$1" + Mark);
        text = Bearer().Replace(text, "$1" + Mark);
        text = UserInfo().Replace(text, "$1" + Mark + "@");
        text = JsonMember().Replace(text, "$1\"" + Mark + "\"");
        text = Assignment().Replace(text, "$1" + Mark);
        foreach (var value in _values) text = text.Replace(value, Mark, StringComparison.Ordinal);
        return text;
    }

    [GeneratedRegex("-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", RegexOptions.Singleline)]
    private static partial Regex PrivateKey();

    // API tokens keep their id, which is in the audit log too; of pairing tokens nothing is kept.
    [GeneratedRegex(@"(lifeboat-token-1\.[0-9a-f]+\.|lifeboat-pair-1\.)[A-Za-z0-9_\-.=]+")]
    private static partial Regex OwnToken();

    [GeneratedRegex(@"((?:Bearer|X-Auth-Token:|X-Subject-Token:)\s+)[^\s""']+", RegexOptions.IgnoreCase)]
    private static partial Regex Bearer();

    // RFC 3986 section 3.2.1: what stands after the colon is a password.
    [GeneratedRegex(@"([a-z][a-z0-9+.\-]*://[^\s/:@""]*:)[^\s/@""]+@", RegexOptions.IgnoreCase)]
    private static partial Regex UserInfo();

    [GeneratedRegex(@"(""(?:[A-Za-z]*[pP]assword|[A-Za-z]*[sS]ecret|[aA]pi[kK]ey|token)""\s*:\s*)""(?:[^""\\]|\\.)*""")]
    private static partial Regex JsonMember();

    [GeneratedRegex(@"(\b(?:password|passwd|secret|pwd)\s*=\s*)[^\s;,""']+", RegexOptions.IgnoreCase)]
    private static partial Regex Assignment();
}
