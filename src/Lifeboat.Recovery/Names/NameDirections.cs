// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Recovery.Sides;
using Lifeboat.Sites;

namespace Lifeboat.Recovery.Names;

/// <summary>Leads the names of a group to where its instances are at this site.</summary>
public sealed class NameDirections(IOwnSide here, GroupDefinition group)
{
    private const string NoServers = "this site cannot update DNS";

    /// <summary>Leads one name here.</summary>
    public async Task<NameOutcome> LeadAsync(DnsName name, CancellationToken ct)
    {
        if (here.Ability<INameServers>() is not { } servers) return NameOutcome.Failed($"{name.Name}: {NoServers}");
        var (addresses, problem) = await AddressesAsync(name, ct);
        // A guest that has just started may get its address yet.
        if (problem is not null) return NameOutcome.Failed($"{name.Name}: {problem}", mayPass: true);
        return await servers.LeadAsync(
            new NameOrder(group.Name, name.Name, addresses, group.Dns!.Ttl, name.Reverse), ct);
    }

    /// <summary>Why names could not be led here; empty: they could, as far as is known before it is done.</summary>
    public async Task<IReadOnlyList<string>> ProblemsAsync(CancellationToken ct)
    {
        var problems = new List<string>();
        foreach (var name in group.Dns?.Names ?? [])
        {
            if (here.Ability<INameServers>() is not { } servers) problems.Add($"{name.Name}: {NoServers}");
            else if (await servers.ProblemAsync(group.Name, name.Name, ct) is { } problem) problems.Add(problem);
            if (name.Addresses.ContainsKey(here.Name)) continue;
            if (here.Ability<ITellsAddresses>() is null) problems.Add($"{name.Name}: {Untold()}");
            problems.AddRange(name.Targets.Select(t => MacOf(t).Problem).OfType<string>()
                .Select(p => $"{name.Name}: {p}"));
        }
        return problems;
    }

    private async Task<(IReadOnlyList<string>, string? Problem)> AddressesAsync(DnsName name, CancellationToken ct)
    {
        if (name.Addresses.TryGetValue(here.Name, out var given)) return (given, null);
        if (here.Ability<ITellsAddresses>() is not { } tells) return ([], Untold());
        var found = new List<string>();
        foreach (var target in name.Targets)
        {
            var (mac, problem) = MacOf(target);
            if (problem is not null) return ([], problem);
            try
            {
                var addresses = await tells.AddressesOutsideAsync(target.Instance, mac, ct);
                if (addresses.Count == 0) return ([], $"{target.Text()} has no address at {here.Name}");
                found.AddRange(addresses.Where(a => IPAddress.TryParse(a, out _)));
            }
            catch (SiteException e)
            {
                return ([], e.Message);
            }
            catch (ProblemException e) when (e.Reason is not ReasonCode.Unexpected)
            {
                return ([], e.Message);
            }
        }
        return ([.. found.Distinct(StringComparer.Ordinal)], null);
    }

    // Networks have other names at another site; a NIC is described once.
    private (string? Mac, string? Problem) MacOf(DnsTarget target)
    {
        if (target.Nic is not { } wanted) return (null, null);
        var nics = group.Members.FirstOrDefault(m => m.Instance == target.Instance)?.Description.Nics ?? [];
        var found = nics.Where(n => n.Network == wanted
            || n.Mac.Equals(wanted, StringComparison.OrdinalIgnoreCase)).ToList();
        return found.Count > 0 ? (found[0].Mac, null)
            : (null, $"{target.Instance} has no NIC in network {wanted} and none with that MAC; its networks are "
                + (nics.Count == 0 ? "none" : string.Join(", ", nics.Select(n => n.Network))));
    }

    private string Untold() => $"the driver of site {here.Name} does not tell addresses; give the one there "
        + "(--dns-address)";
}
