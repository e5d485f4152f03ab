// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.Qemu.Host;

namespace Lifeboat.Sites.Qemu.Networks;

/// <summary>
/// One dnsmasq for one network: DHCP only. A card whose address is expected gets it by its MAC; it is one process,
/// known by its pid file path, which only it carries as an argument.
/// </summary>
internal sealed class DhcpServer(SiteNetwork network, IReadOnlyList<string> prefix, string folder, TimeProvider time)
{
    private static readonly TimeSpan KillLimit = TimeSpan.FromSeconds(5);

    private string PidFile => Path.Combine(folder, network.Name + ".dnsmasq.pid");
    private string HostsFile => Path.Combine(folder, network.Name + ".hosts");
    private string LeaseFile => Path.Combine(folder, network.Name + ".leases");

    private HostProcess? Process => HostProcess.FindByArgument(PidFile, PidFile);

    public async Task EnsureAsync(CancellationToken ct)
    {
        if (Process is not null) return;
        if (Tool.Find("dnsmasq") is not { } dnsmasq) throw Tool.Missing("dnsmasq");
        await using (File.Open(HostsFile, FileMode.Append)) { }
        (await Tool.RunAsync(prefix[0],
        [
            .. prefix.Skip(1), dnsmasq, "--conf-file=/dev/null", "--port=0", "--no-hosts", "--no-resolv", "--no-ping",
            "--user=root", "--bind-interfaces", "--except-interface=lo", $"--interface={network.Bridge}",
            $"--dhcp-range={network.DhcpFrom},{network.DhcpTo},{network.PrefixMask},1h", "--dhcp-authoritative",
            $"--dhcp-hostsfile={HostsFile}", $"--dhcp-leasefile={LeaseFile}", $"--pid-file={PidFile}",
            $"--log-facility={Path.Combine(folder, network.Name + ".dnsmasq.log")}",
        ], ct)).OrThrow($"starting DHCP for network '{network.Name}'");
    }

    /// <summary>From now on this card gets this address.</summary>
    public async Task ExpectAsync(string mac, string address, CancellationToken ct)
    {
        var line = $"{mac.ToLowerInvariant()},{address}";
        var had = await File.ReadAllLinesAsync(HostsFile, ct);
        if (had.Contains(line, StringComparer.Ordinal)) return;
        // One address has one card and one card one address: what says otherwise is older and gives way.
        var kept = had.Where(l => l.Split(',') is [var m, var a] && m != mac.ToLowerInvariant() && a != address);
        await File.WriteAllLinesAsync(HostsFile, [.. kept, line], ct);
        Process?.ReloadConfiguration();
    }

    public string? LeaseOf(string mac)
    {
        if (!File.Exists(LeaseFile)) return null;
        return File.ReadLines(LeaseFile).Select(l => l.Split(' '))
            .LastOrDefault(f => f.Length > 2 && f[1].Equals(mac, StringComparison.OrdinalIgnoreCase))?[2];
    }

    public async Task StopAsync(CancellationToken ct)
    {
        if (Process is { } running && !await running.KillAsync(KillLimit, time, ct))
            throw new SiteException(SiteFault.Timeout, $"dnsmasq of '{network.Name}' (process {running.Id}) stays");
    }
}
