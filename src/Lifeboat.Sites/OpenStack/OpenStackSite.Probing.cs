// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Compute;

namespace Lifeboat.Sites.OpenStack;

internal sealed partial class OpenStackSite : IProbesGuests
{
    private static readonly TimeSpan TcpLimit = TimeSpan.FromSeconds(3);

    public Task<bool> AgentAnswersAsync(string instance, CancellationToken ct) => AskAsync(async () =>
    {
        var id = await IdAsync(instance, ct);
        try
        {
            await _guests.AskAgentAsync(instance, id, async agent =>
            {
                await agent.PingAsync(ct);
                return true;
            });
            return true;
        }
        catch (SiteException e) when (e.Fault is SiteFault.AgentUnreachable or SiteFault.Refused)
        {
            return false;
        }
    });

    public Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> AddressesAsync(string instance,
        CancellationToken ct) => AskAsync(async () =>
        {
            var found = await _guests.AskAgentAsync(instance, await IdAsync(instance, ct),
                agent => agent.InterfacesAsync(ct));
            return (IReadOnlyDictionary<string, IReadOnlyList<string>>)found.Where(i => i.Mac.Length > 0)
                .GroupBy(i => i.Mac.ToLowerInvariant()).ToDictionary(g => g.Key,
                    g => (IReadOnlyList<string>)[.. g.SelectMany(i => i.Addresses).Where(a =>
                        IPAddress.TryParse(a, out var ip) && ip.AddressFamily is AddressFamily.InterNetwork)]);
        });

    /// <summary>From this host: to its floating addresses, then to its own, where they are routed.</summary>
    /// <exception cref="SiteException">Refused: it is in a bubble, which nothing leads into.</exception>
    public Task<bool> TcpAnswersAsync(string instance, int port, CancellationToken ct) => AskAsync(async () =>
    {
        var server = await KnownAsync(instance, ct);
        if (server.Metadata?.ContainsKey(BuildOrder.BubbleKey) is true)
            throw new SiteException(SiteFault.Refused, $"{instance} is in a bubble of the cloud, which nothing leads "
                + "into; check it from within, by its guest agent (exec)");
        foreach (var address in await AddressesOfAsync(server, ct))
            if (await AnswersAsync(address, port, ct)) return true;
        return false;
    });

    public Task<GuestCommandResult> RunInGuestAsync(string instance, IReadOnlyList<string> command, TimeSpan limit,
        CancellationToken ct) => AskAsync(async () =>
        {
            if (command.Count == 0) throw new SiteException(SiteFault.Refused, $"{instance}: the command is empty");
            var exit = await _guests.AskAgentAsync(instance, await IdAsync(instance, ct),
                agent => agent.RunAsync(command[0], command.Skip(1), limit, ct));
            return new GuestCommandResult(exit.ExitCode, exit.Output + exit.ErrorOutput);
        });

    private async Task<string> IdAsync(string instance, CancellationToken ct) =>
        _ids.TryGetValue(instance, out var id) ? id : (await KnownAsync(instance, ct)).Id;

    private async Task<IReadOnlyList<string>> AddressesOfAsync(NovaServer server, CancellationToken ct)
    {
        var ports = await _cloud.Neutron.PortsAsync(server.Id, ct);
        var floating = (await _cloud.Neutron.FloatingIpsAsync(ct))
            .Where(f => ports.Any(p => p.Id == f.PortId)).Select(f => f.FloatingIpAddress);
        var own = ports.SelectMany(p => p.FixedIps ?? []).Select(f => f.IpAddress).OfType<string>();
        return [.. floating, .. own];
    }

    private async Task<bool> AnswersAsync(string address, int port, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(TcpLimit, _time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        using var tcp = new TcpClient();
        try
        {
            await tcp.ConnectAsync(IPAddress.Parse(address), port, any.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException || e is OperationCanceledException
            && !ct.IsCancellationRequested)
        {
            return false;
        }
    }
}
