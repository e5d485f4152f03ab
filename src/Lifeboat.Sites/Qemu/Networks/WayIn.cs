// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Sites.Qemu.Host;
using Lifeboat.Sites.Qemu.Instances;

namespace Lifeboat.Sites.Qemu.Networks;

/// <summary>
/// The guarded way into a bubble: a veth pair from the host to the bubble with a /30 of its own. Invariants, kept by
/// the packet filter inside the bubble, where no guest can change it:
///   Into the bubble goes only TCP to the opened ports, translated to one port of one guest each.
///   Out of it goes only what answers such a connection; nothing can be begun from inside.
///   The filter stands before the link is up.
/// </summary>
internal sealed class WayIn(NetworkSpace space)
{
    private const string Inside = "way-in";
    // Locally administered; each pair is a network of its own, so all may have the same.
    private const string OutsideMac = "02:4c:42:00:00:01";
    private const string InsideMac = "02:4c:42:00:00:02";
    private const int Pairs = 1 << 14;   // 169.254.0.0/16 in pieces of /30

    private string Outside => "lbw" + SiteNetwork.Hash(space.Name, 8);
    private string StateFile => Path.Combine(space.Folder, "way-in.json");

    /// <summary>Opens one more port; the same one again is the same. Returns `address:port` for the host.</summary>
    public async Task<string> OpenAsync(string guestAddress, int port, CancellationToken ct)
    {
        var state = ReadState() ?? new State(await FreePairAsync(ct), []);
        var way = state.Doors.FirstOrDefault(d => d.GuestAddress == guestAddress && d.Port == port);
        if (way is null)
        {
            var outer = state.Doors.Any(d => d.OuterPort == port) ? 20000 + state.Doors.Count : port;
            way = new Door(guestAddress, port, outer);
            state = state with { Doors = [.. state.Doors, way] };
        }
        // Written first: a pair that was half made is made again with the same addresses.
        DurableFile.Write(StateFile, JsonSerializer.SerializeToUtf8Bytes(state, ContractJson.Options));
        await FilterAsync(state, ct);
        await LinkAsync(state.Pair, ct);
        return string.Create(CultureInfo.InvariantCulture, $"{Address(state.Pair, 2)}:{way.OuterPort}");
    }

    public async Task CloseAsync(CancellationToken ct)
    {
        if (HostEndExists) (await Tool.RunAsync("ip", ["link", "del", Outside], ct)).OrThrow($"deleting {Outside}");
    }

    public IEnumerable<string> Traces() => HostEndExists ? [$"interface {Outside}"] : [];

    private bool HostEndExists => Directory.Exists($"/sys/class/net/{Outside}");

    private async Task FilterAsync(State state, CancellationToken ct)
    {
        var rules = Rules(state);
        var nft = Tool.Find("nft") ?? throw Tool.Missing("nft");
        (await Tool.RunAsync("ip", ["netns", "exec", space.Name, nft, "-f", "-"], ct, rules))
            .OrThrow($"setting the packet filter of {space.Name}");
        (await Tool.RunAsync("ip", ["netns", "exec", space.Name, "sh", "-c",
            "echo 1 >/proc/sys/net/ipv4/ip_forward && echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6"], ct))
            .OrThrow($"letting {space.Name} forward");
    }

    private string Rules(State state)
    {
        var rules = new StringBuilder();
        foreach (var family in new[] { "ip", "ip6" })
            rules.Append($"add table {family} lifeboat\nflush table {family} lifeboat\n");
        rules.Append("table ip lifeboat {\n chain arrive { type nat hook prerouting priority dstnat;\n");
        foreach (var door in state.Doors)
            rules.Append(CultureInfo.InvariantCulture, $"  iifname \"{Inside}\" ip daddr {Address(state.Pair, 2)} ")
                .Append(CultureInfo.InvariantCulture, $"tcp dport {door.OuterPort} ")
                .Append(CultureInfo.InvariantCulture, $"dnat to {door.GuestAddress}:{door.Port}\n");
        rules.Append(CultureInfo.InvariantCulture, $$"""
             }
             chain leave { type nat hook postrouting priority srcnat;
              ct status dnat masquerade
             }
             chain pass { type filter hook forward priority filter; policy drop;
              iifname "{{Inside}}" ct status dnat ct direction original accept
              oifname "{{Inside}}" ct direction reply ct state established accept
             }
             chain enter { type filter hook input priority filter; policy accept;
              iifname "{{Inside}}" drop
             }
             chain begin { type filter hook output priority filter; policy accept;
              oifname "{{Inside}}" drop
             }
            }
            table ip6 lifeboat {
             chain pass { type filter hook forward priority filter; policy drop; }
             chain begin { type filter hook output priority filter; policy accept; oifname "{{Inside}}" drop; }
            }

            """);
        return rules.ToString();
    }

    // The neighbours are told to both ends for good: not even an ARP question leaves the bubble.
    private async Task LinkAsync(int pair, CancellationToken ct)
    {
        if (!HostEndExists)
            (await Tool.RunAsync("ip",
            [
                "link", "add", Outside, "address", OutsideMac, "type", "veth",
                "peer", "name", Inside, "address", InsideMac, "netns", space.Name,
            ], ct)).OrThrow($"making the way into {space.Name}");
        await space.BatchAsync(EndOf(Inside, Address(pair, 2), Address(pair, 1), OutsideMac), ct);
        var host = EndOf(Outside, Address(pair, 1), Address(pair, 2), InsideMac);
        (await Tool.RunAsync("ip", ["-batch", "-"], ct, string.Join('\n', host) + "\n"))
            .OrThrow($"making the way into {space.Name}");
    }

    private static IReadOnlyList<string> EndOf(string link, string own, string other, string otherMac) =>
    [
        $"link set {link} addrgenmode none",
        $"addr replace {own}/30 dev {link}",
        $"link set {link} up",
        $"neigh replace {other} lladdr {otherMac} dev {link} nud permanent",
    ];

    // Starts from the bubble's name, so that two bubbles seldom want the same, and passes over what the host uses.
    private async Task<int> FreePairAsync(CancellationToken ct)
    {
        var shown = (await Tool.RunAsync("ip", ["-4", "-j", "addr", "show"], ct))
            .OrThrow("reading this host's addresses");
        using var json = JsonDocument.Parse(shown.Output);
        var used = json.RootElement.EnumerateArray()
            .SelectMany(l => l.TryGetProperty("addr_info", out var list) ? list.EnumerateArray().ToArray() : [])
            .Select(a => a.TryGetProperty("local", out var local) ? local.GetString() : null).ToHashSet();
        var first = Convert.ToInt32(SiteNetwork.Hash(space.Name, 4), 16) % Pairs;
        // 169.254.0.0/24 and 169.254.255.0/24 are reserved.
        return Enumerable.Range(0, Pairs).Select(i => (first + i) % Pairs)
            .First(p => p is >= 64 and < Pairs - 64 && !used.Contains(Address(p, 1)) && !used.Contains(Address(p, 2)));
    }

    private static string Address(int pair, int host)
    {
        var low = pair * 4 + host;
        return string.Create(CultureInfo.InvariantCulture, $"169.254.{low >> 8}.{low & 0xFF}");
    }

    private State? ReadState() => File.Exists(StateFile)
        ? JsonSerializer.Deserialize<State>(File.ReadAllBytes(StateFile), ContractJson.Options) : null;

    private sealed record State(int Pair, IReadOnlyList<Door> Doors);

    private sealed record Door(string GuestAddress, int Port, int OuterPort);
}
