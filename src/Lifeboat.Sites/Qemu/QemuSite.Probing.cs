// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using Lifeboat.Qemu;
using Lifeboat.Sites.Qemu.Instances;
using Lifeboat.Sites.Qemu.Networks;

namespace Lifeboat.Sites.Qemu;

internal sealed partial class QemuSite : IProbesGuests
{
    private static readonly TimeSpan TcpLimit = TimeSpan.FromSeconds(3);

    public async Task<bool> AgentAnswersAsync(string instance, CancellationToken ct)
    {
        var record = Known(instance);
        if (GuestAgentOf(record) is not { } socket || ProcessOf(record) is null) return false;
        try
        {
            await new GuestAgentClient(socket, AgentPatience, _time).PingAsync(ct);
            return true;
        }
        catch (QmpException)
        {
            return false;
        }
    }

    public async Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> AddressesAsync(string instance,
        CancellationToken ct)
    {
        var interfaces = await AskAgentAsync(Known(instance), agent => agent.InterfacesAsync(ct));
        return interfaces.Where(i => i.Mac.Length > 0).GroupBy(i => i.Mac.ToLowerInvariant()).ToDictionary(
            g => g.Key, g => (IReadOnlyList<string>)[.. g.SelectMany(i => i.Addresses).Where(IsIPv4)]);
    }

    public async Task<bool> TcpAnswersAsync(string instance, int port, CancellationToken ct)
    {
        var record = Known(instance);
        if (ProcessOf(record) is not { } process) return false;
        foreach (var address in await CandidateAddressesAsync(record, ct))
            if (await NamespaceSocket.AnswersAsync($"/proc/{process.Id}/ns/net",
                new IPEndPoint(IPAddress.Parse(address), port), TcpLimit, _time, ct)) return true;
        return false;
    }

    public async Task<GuestCommandResult> RunInGuestAsync(string instance, IReadOnlyList<string> command,
        TimeSpan limit, CancellationToken ct)
    {
        if (command.Count == 0) throw new SiteException(SiteFault.Refused, $"{instance}: the command is empty");
        var exit = await AskAgentAsync(Known(instance),
            agent => agent.RunAsync(command[0], command.Skip(1), limit, ct));
        return new GuestCommandResult(exit.ExitCode, exit.Output + exit.ErrorOutput);
    }

    private async Task<T> AskAgentAsync<T>(InstanceRecord record, Func<GuestAgentClient, Task<T>> ask)
    {
        if (GuestAgentOf(record) is not { } socket)
            throw new SiteException(SiteFault.AgentUnreachable, $"{record.Name} has no guest agent port");
        try
        {
            return await ask(new GuestAgentClient(socket, AgentPatience, _time));
        }
        catch (QmpException e)
        {
            throw new SiteException(e.Fault == QmpFault.Refused ? SiteFault.Refused : SiteFault.AgentUnreachable,
                $"{record.Name}: {e.Message}", e);
        }
    }

    private async Task<string?> GuestAddressAsync(InstanceRecord record, CancellationToken ct) =>
        (await CandidateAddressesAsync(record, ct)).FirstOrDefault();

    // What the guest says it has is best; it may have no agent: then what DHCP gave, then what is expected.
    private async Task<IReadOnlyList<string>> CandidateAddressesAsync(InstanceRecord record, CancellationToken ct)
    {
        var nics = record.Description.Nics;
        var found = new List<string>();
        try
        {
            var said = await AddressesAsync(record.Name, ct);
            foreach (var nic in nics)
                if (said.TryGetValue(nic.Mac.ToLowerInvariant(), out var addresses)) found.AddRange(addresses);
        }
        catch (SiteException e) when (e.Fault is SiteFault.AgentUnreachable or SiteFault.Refused)
        {
            // No agent: the other two ways remain.
        }
        if (record.Adopted is null)
        {
            var all = SiteNetwork.Read(NetworksFile);
            found.AddRange(nics.Select(n => all.FirstOrDefault(a => a.Name == n.Network) is { } network
                ? SpaceOf(record).LeaseOf(network, n.Mac) : null).OfType<string>());
        }
        found.AddRange(nics.Select(n => n.Address).OfType<string>());
        return [.. found.Distinct(StringComparer.Ordinal)];
    }

    private static bool IsIPv4(string address) =>
        IPAddress.TryParse(address, out var ip) && ip.AddressFamily == AddressFamily.InterNetwork;
}
