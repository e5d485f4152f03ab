// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Serialization;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Protection.Groups;

/// <summary>The names in DNS that lead to instances of a group, wherever they run.</summary>
public sealed record GroupDns
{
    public static readonly TimeSpan UsualTtl = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan TtlMax = TimeSpan.FromDays(1);
    private const int NamesMax = 256;

    public IReadOnlyList<DnsName> Names { get; init; } = [];
    /// <summary>How long whoever asked keeps the answer; whole seconds, 0 s to 1 d.</summary>
    public TimeSpan Ttl { get; init; } = UsualTtl;

    /// <summary>As people write it and as it is stored: names in lower case and without the last dot.</summary>
    public GroupDns Normal() => this with
    {
        Names = [.. Names.Select(n => n with
        {
            Name = Normal(n.Name),
            Addresses = new SortedDictionary<string, IReadOnlyList<string>>(n.Addresses.ToDictionary(),
                StringComparer.Ordinal),
        })],
    };

    public static string Normal(string name) => name.TrimEnd('.').ToLowerInvariant();

    /// <summary>Null where nothing is said.</summary>
    public GroupDns? OrNone() => Names.Count == 0 && Ttl == UsualTtl ? null : this;

    /// <returns>What is wrong, and where: `dns/NUMBER`, `dnsTtl`.</returns>
    /// <param name="members">The instances of the group.</param>
    /// <param name="sites">The two sites of the group; null: any.</param>
    public IEnumerable<(string Place, string Text)> Faults(IReadOnlyCollection<string> members,
        IReadOnlyCollection<string>? sites)
    {
        if (Ttl < TimeSpan.Zero || Ttl > TtlMax || Ttl.Ticks % TimeSpan.TicksPerSecond != 0)
            yield return ("dnsTtl", $"the TTL is {Span.Text(Ttl)}; allowed are whole seconds from 0s to 1d");
        if (Names.Count > NamesMax) yield return ("dns", $"{Names.Count} names; {NamesMax} are the most");
        foreach (var twice in Names.GroupBy(n => Normal(n.Name)).Where(g => g.Count() > 1))
            yield return ("dns", $"{twice.Key} is named twice");
        foreach (var (index, name) in Names.Index())
            foreach (var text in name.Faults(members, sites)) yield return ($"dns/{index}", text);
    }
}

/// <summary>One name: all of its A and AAAA records are what is said here.</summary>
public sealed record DnsName
{
    /// <summary>In full, e.g. `www.example.org`; lower case, without the last dot.</summary>
    public required string Name { get; init; }
    /// <summary>It leads to the addresses of all of these.</summary>
    public required IReadOnlyList<DnsTarget> Targets { get; init; }
    /// <summary>By site: the addresses there, IPv4 or IPv6, in the place of those that the site knows.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Addresses { get; init; } =
        new Dictionary<string, IReadOnlyList<string>>();
    /// <summary>The addresses lead back to the name, too (PTR).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Reverse { get; init; }

    /// <summary>As the command line writes it: `www.example.org=web1:front,web2`.</summary>
    public string Text() => $"{Name}={string.Join(",", Targets.Select(t => t.Text()))}"
        + (Reverse ? ", and back" : "")
        + string.Concat(Addresses.OrderBy(a => a.Key, StringComparer.Ordinal)
            .Select(a => $"; at {a.Key} {string.Join(", ", a.Value)}"));

    internal IEnumerable<string> Faults(IReadOnlyCollection<string> members, IReadOnlyCollection<string>? sites)
    {
        if (!IsName(GroupDns.Normal(Name)))
            yield return $"'{Name}' is no name in DNS: labels of a-z, 0-9, - and _ with dots between, such as "
                + "www.example.org, 253 characters at most";
        if (Targets.Count == 0) yield return $"{Name}: no instance is named that it leads to";
        foreach (var target in Targets)
        {
            if (!members.Contains(target.Instance)) yield return $"{Name}: {target.Instance} is not a member";
            if (target.Nic is { Length: 0 or > 255 }) yield return $"{Name}: the network of {target.Instance} is empty";
        }
        foreach (var (site, addresses) in Addresses)
        {
            if (sites?.Contains(site) == false)
                yield return $"{Name}: {site} is not a site of the group; they are {string.Join(" and ", sites)}";
            if (addresses.Count == 0) yield return $"{Name}: no address is given at {site}";
            foreach (var address in addresses.Where(a => !IsAddress(a)))
                yield return $"{Name}: '{address}' at {site} is no IP address";
        }
    }

    // An address in short hand ('10.1') would be read otherwise by others.
    private static bool IsAddress(string text) => IPAddress.TryParse(text, out var ip)
        && (ip.AddressFamily is AddressFamily.InterNetwork ? ip.ToString() == text
            : ip.AddressFamily is AddressFamily.InterNetworkV6 && ip.ScopeId == 0);

    private static bool IsName(string name) => name.Length is > 0 and <= 253 && name.Contains('.')
        && name.Split('.').All(l => l.Length is > 0 and <= 63 && l[0] != '-' && l[^1] != '-'
            && l.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_'))
        && !IPAddress.TryParse(name, out _);
}

/// <param name="Nic">Network or MAC of one of its NICs as described; null: the first that has an address.</param>
public sealed record DnsTarget(string Instance, string? Nic = null)
{
    /// <param name="text">`INSTANCE`, or `INSTANCE:NETWORK` or `INSTANCE:MAC`.</param>
    public static DnsTarget Parse(string text) => text.IndexOf(':', StringComparison.Ordinal) is var colon and >= 0
        ? new(text[..colon], text[(colon + 1)..]) : new(text);

    public string Text() => Nic is null ? Instance : string.Create(CultureInfo.InvariantCulture, $"{Instance}:{Nic}");
}
