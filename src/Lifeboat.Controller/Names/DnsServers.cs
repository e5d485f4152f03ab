// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using ARSoft.Tools.Net;
using ARSoft.Tools.Net.Dns;
using ARSoft.Tools.Net.Dns.DynamicUpdate;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Groups;
using Lifeboat.Recovery.Names;

namespace Lifeboat.Controller.Names;

/// <summary>The zones of `dns` in `site.json`, by RFC 2136 updates to their primary servers.</summary>
/// <param name="groups">All that this site knows.</param>
internal sealed class DnsServers(SiteConfiguration site, SitePaths paths, Func<IEnumerable<GroupRecord>> groups,
    TimeProvider time) : INameServers
{
    private static readonly RecordType[] Forward = [RecordType.A, RecordType.Aaaa];

    public async Task<string?> ProblemAsync(string group, string name, CancellationToken ct)
    {
        try
        {
            var server = ServerOf(group, name);
            var there = await server.FindAsync(name, Forward, ct);
            // Needs all that a real update needs, and changes nothing.
            await server.UpdateAsync([new DeleteRecordUpdate(Address(name, Absent(there), TimeSpan.Zero))], ct);
            return null;
        }
        catch (NameServerException e)
        {
            return $"{name}: {e.Message}";
        }
    }

    public async Task<NameOutcome> LeadAsync(NameOrder order, CancellationToken ct)
    {
        try
        {
            var server = ServerOf(order.Group, order.Name);
            var before = await server.FindAsync(order.Name, Forward, ct);
            var evidence = new List<string> { await LeadAsync(server, order, before, ct) };
            var back = order.Reverse ? await LeadBackAsync(order, before, evidence, ct) : null;
            return new NameOutcome(evidence, back?.Problem, back?.MayPass ?? false);
        }
        catch (NameServerException e)
        {
            return NameOutcome.Failed($"{order.Name}: {e.Message}", e.MayPass);
        }
    }

    private static async Task<string> LeadAsync(ZoneServer server, NameOrder order, IReadOnlyList<DnsRecordBase> before,
        CancellationToken ct)
    {
        var wanted = string.Join(", ", order.Addresses);
        if (IsAs(order, before)) return $"{order.Name} leads to {wanted} already";
        var name = DomainName.Parse(order.Name);
        await server.UpdateAsync([
            .. Forward.Select(t => new DeleteAllRecordsUpdate(name, t)),
            .. order.Addresses.Select(a => new AddRecordUpdate(
                Address(order.Name, IPAddress.Parse(a), order.Ttl)))], ct);
        // A server may take an update and leave things as they are: where the name is an alias (CNAME).
        var after = await server.FindAsync(order.Name, Forward, ct);
        if (!IsAs(order, after))
            throw new NameServerException($"the update was taken, and it leads to {Text(after)} all the same; is it an "
                + "alias (CNAME)?", mayPass: false);
        return $"{order.Name} leads to {wanted} (before: {Text(before)}), TTL {order.Ttl.TotalSeconds:0} s";
    }

    /// <returns>Null: all lead back that are to.</returns>
    private async Task<NameOutcome?> LeadBackAsync(NameOrder order, IReadOnlyList<DnsRecordBase> before,
        List<string> evidence, CancellationToken ct)
    {
        NameOutcome? failed = null;
        var left = before.Select(r => AddressOf(r)!).Where(a => !order.Addresses.Contains(a.ToString()));
        foreach (var (address, wanted) in order.Addresses.Select(a => (IPAddress.Parse(a), true))
            .Concat(left.Select(a => (a, false))))
        {
            try
            {
                if (await LeadBackAsync(order, address, wanted, ct) is { } done) evidence.Add(done);
            }
            // Where it led before may be a zone of the other site: what is there is not ours to take away.
            catch (NameServerException e) when (!wanted)
            {
                evidence.Add($"{address}: {e.Message}; what leads back from there stays");
            }
            catch (NameServerException e)
            {
                failed = NameOutcome.Failed($"{order.Name}: {address} does not lead back to it: {e.Message}",
                    e.MayPass || failed?.MayPass is true);
            }
        }
        return failed;
    }

    private async Task<string?> LeadBackAsync(NameOrder order, IPAddress address, bool wanted, CancellationToken ct)
    {
        var reverse = ReverseName(address);
        var server = ServerOf(order.Group, reverse);
        var there = (await server.FindAsync(reverse, [RecordType.Ptr], ct)).Cast<PtrRecord>().ToList();
        var own = there.Find(p => Named(p) == order.Name);
        var record = new PtrRecord(DomainName.Parse(reverse), (int)order.Ttl.TotalSeconds,
            DomainName.Parse(order.Name));
        if (!wanted)
        {
            if (own is null) return null;
            await server.UpdateAsync([new DeleteRecordUpdate(record)], ct);
            return $"{address} leads back to {order.Name} no more";
        }
        if (own is not null && own.TimeToLive == record.TimeToLive) return $"{address} leads back to it already";
        if (there.Find(p => Named(p) != order.Name) is { } other)
            throw new NameServerException($"it leads to {Named(other)}, which is left as it is", mayPass: false);
        await server.UpdateAsync([new DeleteRecordUpdate(record), new AddRecordUpdate(record)], ct);
        return $"{address} leads back to {order.Name}";
    }

    /// <exception cref="NameServerException">No zone of this site has the name, or the group may not have it.
    /// </exception>
    private ZoneServer ServerOf(string group, string name)
    {
        var zone = (site.Dns?.Zones ?? []).Where(z => IsIn(name, DnsZone.Normal(z.Zone)))
            .MaxBy(z => DnsZone.Normal(z.Zone).Length)
            ?? throw new NameServerException(site.Dns is null ? $"site {site.Name} has no dns in site.json"
                : $"it is in no zone of site {site.Name} (dns.zones in site.json)", mayPass: false);
        var tenant = GroupName.TenantOf(group);
        if (!zone.Tenants.Contains(tenant))
            throw new NameServerException($"groups of tenant {tenant} may have no names in zone {zone.Zone} at site "
                + site.Name, mayPass: false);
        if (TakenNames.Of([name], group, groups()).Select(t => t.Text).FirstOrDefault() is { } taken)
            throw new NameServerException(taken, mayPass: false);
        return new ZoneServer(zone, SecretOf(zone), time);
    }

    private byte[] SecretOf(DnsZone zone)
    {
        var file = Path.Combine(paths.Root, zone.SecretFile);
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        try
        {
            if ((File.GetUnixFileMode(file) & ~owner) == 0)
                return Convert.FromBase64String(File.ReadAllText(file).Trim());
            throw new NameServerException($"{file} can be read by others than its owner: chmod 600 {file}",
                mayPass: false);
        }
        catch (FormatException e)
        {
            throw new NameServerException($"{file} is not base64, as the secret of key {zone.Key} is written",
                mayPass: false, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NameServerException($"the secret of key {zone.Key} cannot be read: {e.Message}", mayPass: false,
                e);
        }
    }

    private static bool IsIn(string name, string zone) =>
        name == zone || name.EndsWith("." + zone, StringComparison.Ordinal);

    private static bool IsAs(NameOrder order, IReadOnlyList<DnsRecordBase> records) =>
        records.All(r => r.TimeToLive == (int)order.Ttl.TotalSeconds)
        && records.Select(r => AddressOf(r)!).ToHashSet().SetEquals(order.Addresses.Select(a => IPAddress.Parse(a)));

    private static IPAddress? AddressOf(DnsRecordBase record) => (record as IAddressRecord)?.Address;

    private static DnsRecordBase Address(string name, IPAddress address, TimeSpan ttl) =>
        address.AddressFamily is AddressFamily.InterNetwork
            ? new ARecord(DomainName.Parse(name), (int)ttl.TotalSeconds, address)
            : new AaaaRecord(DomainName.Parse(name), (int)ttl.TotalSeconds, address);

    // Of the addresses for documentation (RFC 5737) one that the name does not lead to.
    private static IPAddress Absent(IReadOnlyList<DnsRecordBase> there) => Enumerable.Range(1, 254)
        .Select(n => new IPAddress([192, 0, 2, (byte)n])).First(a => there.All(r => !a.Equals(AddressOf(r))));

    private static string ReverseName(IPAddress address)
    {
        var bytes = address.GetAddressBytes().Reverse();
        return address.AddressFamily is AddressFamily.InterNetwork ? $"{string.Join('.', bytes)}.in-addr.arpa"
            : $"{string.Join('.', bytes.SelectMany(b => new[] { b & 15, b >> 4 }).Select(n => $"{n:x}"))}.ip6.arpa";
    }

    private static string Named(PtrRecord record) => GroupDns.Normal(record.PointerDomainName.ToString());

    private static string Text(IReadOnlyList<DnsRecordBase> records) => records.Count == 0 ? "nothing"
        : string.Join(", ", records.Select(AddressOf));
}
