// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Sites.Qemu.Networks;

/// <summary>A network of the site: a bridge with a DHCP server; one entry of `networks.json`.</summary>
public sealed record SiteNetwork
{
    public static readonly SiteNetwork Default = new()
    {
        Name = "default",
        Subnet = "192.168.77.0/24",
        Host = "192.168.77.1",
        DhcpFrom = "192.168.77.100",
        DhcpTo = "192.168.77.199",
    };

    public required string Name { get; init; }
    /// <summary>IPv4, with prefix length.</summary>
    public required string Subnet { get; init; }
    /// <summary>Address of the bridge: gateway and DHCP server.</summary>
    public required string Host { get; init; }
    /// <summary>Range for cards without an expected address.</summary>
    public required string DhcpFrom { get; init; }
    public required string DhcpTo { get; init; }

    // An interface name has at most 15 characters, a network's 40.
    internal string Bridge => "br-" + (Name.Length <= 11 ? Name : Hash(Name, 8));
    internal int PrefixLength => IPNetwork.Parse(Subnet).PrefixLength;
    internal string PrefixMask => new IPAddress(System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(
        PrefixLength == 0 ? 0u : uint.MaxValue << (32 - PrefixLength))).ToString();

    /// <exception cref="SiteException">Refused: the file has faults; all of them are named.</exception>
    public static IReadOnlyList<SiteNetwork> Read(string file)
    {
        try
        {
            if (!File.Exists(file)) return [Default];
            var read = JsonSerializer.Deserialize<NetworkFile>(File.ReadAllBytes(file), ContractJson.Options);
            var networks = read?.Networks ?? [];
            var problems = networks.SelectMany(n => n.Problems())
                .Concat(networks.GroupBy(n => n.Name).Where(g => g.Count() > 1).Select(g => $"two networks '{g.Key}'"))
                .ToList();
            if (problems.Count == 0) return networks;
            throw new SiteException(SiteFault.Refused, $"{file} has faults: {string.Join("; ", problems)}");
        }
        catch (JsonException e)
        {
            throw new SiteException(SiteFault.Refused, $"{file} is not valid: {e.Message}", e);
        }
    }

    public bool Holds(string address) =>
        IPAddress.TryParse(address, out var ip) && IPNetwork.Parse(Subnet).Contains(ip);

    public IEnumerable<string> Problems()
    {
        if (!EntityName.IsValid(Name)) yield return $"network '{Name}': {EntityName.Rule}";
        if (!IPNetwork.TryParse(Subnet, out var subnet) || subnet.BaseAddress.GetAddressBytes().Length != 4)
        {
            yield return $"network '{Name}': subnet '{Subnet}' is not an IPv4 subnet like 192.168.77.0/24";
            yield break;
        }
        foreach (var (what, value) in new[] { ("host", Host), ("dhcpFrom", DhcpFrom), ("dhcpTo", DhcpTo) })
            if (!IPAddress.TryParse(value, out var ip) || !subnet.Contains(ip))
                yield return $"network '{Name}': {what} '{value}' is not an address in {Subnet}";
    }

    internal static string Hash(string text, int digits) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..digits];

    private sealed record NetworkFile(IReadOnlyList<SiteNetwork> Networks);
}
