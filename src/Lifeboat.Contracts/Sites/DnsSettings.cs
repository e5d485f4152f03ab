// SPDX-License-Identifier: Apache-2.0
using System.Net;

namespace Lifeboat.Contracts.Sites;

/// <summary>`dns` of `site.json`: where this site may tell name servers what names lead to (RFC 2136).</summary>
public sealed record DnsSettings
{
    public required IReadOnlyList<DnsZone> Zones { get; init; }

    public IEnumerable<string> Problems()
    {
        if (Zones is not { Count: > 0 })
        {
            yield return "dns.zones is empty; leave dns out where no name is led anywhere";
            yield break;
        }
        foreach (var twice in Zones.GroupBy(z => DnsZone.Normal(z.Zone)).Where(g => g.Count() > 1))
            yield return $"dns.zones: {twice.Key} is there twice";
        foreach (var (index, zone) in Zones.Index())
            foreach (var problem in zone.Problems()) yield return $"dns.zones[{index}].{problem}";
    }
}

public sealed record DnsZone
{
    public const string Sha256 = "hmac-sha256", Sha512 = "hmac-sha512";

    /// <summary>E.g. `dr.example.org`, or `2.0.192.in-addr.arpa` for names that addresses lead back to.</summary>
    public required string Zone { get; init; }
    /// <summary>Its primary server, `HOST` or `HOST:PORT` (53), reached over TCP.</summary>
    public required string Server { get; init; }
    /// <summary>Name of the TSIG key, as the server has it.</summary>
    public required string Key { get; init; }
    /// <summary>`hmac-sha256` or `hmac-sha512`.</summary>
    public string Algorithm { get; init; } = Sha256;
    /// <summary>File with the key's secret in base64, mode 0600; relative to the site's directory.</summary>
    public required string SecretFile { get; init; }
    /// <summary>Tenants whose groups may have names in the zone.</summary>
    public IReadOnlyList<string> Tenants { get; init; } = ["default"];

    public static string Normal(string name) => name.TrimEnd('.').ToLowerInvariant();

    /// <summary>The server's host and port; null: that is none.</summary>
    public (string Host, int Port)? Address()
    {
        if (IPAddress.TryParse(Server, out _)) return (Server, 53);
        var colon = Server.LastIndexOf(':');
        var (host, port) = colon < 0 ? (Server, "53") : (Server[..colon], Server[(colon + 1)..]);
        host = host.Trim('[', ']');
        return Uri.CheckHostName(host) is UriHostNameType.Unknown || !ushort.TryParse(port, out var number)
            || number == 0 ? null : (host, number);
    }

    internal IEnumerable<string> Problems()
    {
        if (!IsName(Zone)) yield return $"zone is '{Zone}'; it must be a domain such as dr.example.org";
        if (Address() is null) yield return $"server is '{Server}'; it must be HOST or HOST:PORT";
        if (!IsName(Key)) yield return $"key is '{Key}'; it must be the key's name as the server has it";
        if (Algorithm is not (Sha256 or Sha512))
            yield return $"algorithm is '{Algorithm}'; it must be {Sha256} or {Sha512}";
        if (string.IsNullOrEmpty(SecretFile)) yield return "secretFile is empty; it names the file with the secret";
        if (Tenants is not { Count: > 0 })
            yield return "tenants is empty; nobody could have a name there: leave it out for the tenant default";
    }

    private static bool IsName(string? name) => name is { Length: > 0 } && Normal(name).Split('.').All(l =>
        l.Length is > 0 and <= 63 && l.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '/'));
}
