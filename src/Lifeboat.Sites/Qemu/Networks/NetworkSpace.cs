// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.Qemu.Host;

namespace Lifeboat.Sites.Qemu.Networks;

/// <summary>
/// The networks of one namespace: the site's own (production), or a bubble's. Invariants:
///   A bubble's namespace is made without any link to the outside; only <see cref="WayIn"/> adds one.
///   Every step asks what is there and adds only what is missing, so it may be repeated and cut short anywhere.
/// </summary>
/// <param name="Name">Of the network namespace.</param>
/// <param name="Folder">For leases and pid files of the DHCP servers.</param>
internal sealed record NetworkSpace(string Name, string Folder, TimeProvider Time)
{
    private const string NamespaceFolder = "/run/netns";
    private static readonly TimeSpan KillLimit = TimeSpan.FromSeconds(5);

    public string NamespaceFile => Path.Combine(NamespaceFolder, Name);
    public bool Exists => File.Exists(NamespaceFile);

    /// <summary>What to put before a command to run it inside.</summary>
    public IReadOnlyList<string> Prefix => ["ip", "netns", "exec", Name];

    /// <summary>A tap interface: named for the instance and card, the same at every call.</summary>
    public static string TapName(string instance, int nic) => $"t{SiteNetwork.Hash(instance, 9)}-{nic}";

    /// <summary>Makes the networks with their DHCP servers as far as they are missing.</summary>
    public async Task EnsureAsync(IEnumerable<SiteNetwork> networks, CancellationToken ct)
    {
        Directory.CreateDirectory(Folder);
        if (!Exists) (await Tool.RunAsync("ip", ["netns", "add", Name], ct)).OrThrow($"making namespace {Name}");
        var present = await InterfacesAsync(ct);
        await BatchAsync(present.Contains("lo-up") ? [] : ["link set lo up"], ct);
        foreach (var network in networks)
        {
            if (!present.Contains(network.Bridge)) await BatchAsync([$"link add {network.Bridge} type bridge"], ct);
            await BatchAsync(
            [
                $"addr replace {network.Host}/{network.PrefixLength} dev {network.Bridge}",
                $"link set {network.Bridge} up",
            ], ct);
            await Dhcp(network).EnsureAsync(ct);
        }
    }

    /// <summary>The cards' addresses are handed out from now on, and their taps are plugged in.</summary>
    public async Task<IReadOnlyList<string>> PlugAsync(string instance, InstanceDescription description,
        IReadOnlyList<SiteNetwork> networks, CancellationToken ct)
    {
        var taps = new List<string>();
        var present = await InterfacesAsync(ct);
        for (var i = 0; i < description.Nics.Count; i++)
        {
            var nic = description.Nics[i];
            var network = networks.First(n => n.Name == nic.Network);
            if (nic.Address is { } address) await Dhcp(network).ExpectAsync(nic.Mac, address, ct);
            var tap = TapName(instance, i);
            if (!present.Contains(tap)) await BatchAsync([$"tuntap add dev {tap} mode tap"], ct);
            await BatchAsync([$"link set {tap} master {network.Bridge} up"], ct);
            taps.Add(tap);
        }
        return taps;
    }

    public async Task UnplugAsync(string instance, int nics, CancellationToken ct)
    {
        if (!Exists) return;
        var present = await InterfacesAsync(ct);
        await BatchAsync([.. Enumerable.Range(0, nics).Select(i => TapName(instance, i))
            .Where(present.Contains).Select(tap => $"link del {tap}")], ct);
    }

    /// <summary>The address that DHCP gave this card; null: none yet.</summary>
    public string? LeaseOf(SiteNetwork network, string mac) => Dhcp(network).LeaseOf(mac);

    /// <summary>Ends all processes inside, and the namespace with its interfaces and files.</summary>
    public async Task DeleteAsync(IEnumerable<SiteNetwork> networks, CancellationToken ct)
    {
        foreach (var network in networks) await Dhcp(network).StopAsync(ct);
        foreach (var id in await ProcessesAsync(ct))
            if (HostProcess.Find(id) is { } inside && !await inside.KillAsync(KillLimit, Time, ct))
                throw new SiteException(SiteFault.Timeout, $"process {id} in namespace {Name} cannot be ended");
        if (Exists) (await Tool.RunAsync("ip", ["netns", "del", Name], ct)).OrThrow($"deleting namespace {Name}");
        if (Directory.Exists(Folder)) Directory.Delete(Folder, recursive: true);
    }

    public async Task<IReadOnlyList<string>> TracesAsync(CancellationToken ct) =>
    [
        .. Exists ? [$"network namespace {Name}"] : Array.Empty<string>(),
        .. Directory.Exists(Folder) ? [$"folder {Folder}"] : Array.Empty<string>(),
        .. (await ProcessesAsync(ct)).Select(id => $"process {id} in namespace {Name}"),
    ];

    /// <summary>Runs `ip` commands inside; one that fails ends the batch.</summary>
    public async Task BatchAsync(IReadOnlyList<string> commands, CancellationToken ct)
    {
        if (commands.Count == 0) return;
        (await Tool.RunAsync("ip", ["-n", Name, "-batch", "-"], ct, string.Join('\n', commands) + "\n"))
            .OrThrow($"setting up namespace {Name} ({string.Join("; ", commands)})");
    }

    private async Task<HashSet<string>> InterfacesAsync(CancellationToken ct)
    {
        var shown = (await Tool.RunAsync("ip", ["-n", Name, "-j", "link", "show"], ct)).OrThrow($"looking into {Name}");
        using var json = JsonDocument.Parse(shown.Output);
        var names = json.RootElement.EnumerateArray().Select(l => l.GetProperty("ifname").GetString()!).ToHashSet();
        if (json.RootElement.EnumerateArray().Any(l => l.GetProperty("ifname").GetString() == "lo"
            && l.GetProperty("flags").EnumerateArray().Any(f => f.GetString() == "UP"))) names.Add("lo-up");
        return names;
    }

    private async Task<IReadOnlyList<int>> ProcessesAsync(CancellationToken ct)
    {
        if (!Exists) return [];
        var listed = (await Tool.RunAsync("ip", ["netns", "pids", Name], ct)).OrThrow($"looking into {Name}");
        return [.. listed.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => int.Parse(l, CultureInfo.InvariantCulture))];
    }

    private DhcpServer Dhcp(SiteNetwork network) => new(network, Prefix, Folder, Time);
}
