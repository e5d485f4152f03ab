// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Networking;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Appliances;

// image -> security group, server group -> server, its port by Nova -> ACTIVE -> floating address -> fingerprint on the
// console
internal sealed partial class ApplianceServers
{
    private async Task<NovaServer> MakeAsync(int number, CancellationToken ct)
    {
        // What they share is looked for and made by one at a time; servers are built side by side.
        NewServerRequest request;
        await _making.WaitAsync(ct);
        try
        {
            if (await FindAsync(number, ct) is [var there, ..]) return await BuiltAsync(there, ct);
            request = await RequestAsync(number, ct);
        }
        finally
        {
            _making.Release();
        }
        var made = await MakeOnce.SharedAsync(c => FindAsync(number, c), async c =>
        {
            var id = await _cloud.Nova.CreateServerAsync(request, c);
            LogMade(number, id);
            return await _cloud.Nova.FindServerAsync(id, c)
                ?? throw new CloudException(CloudFault.NotFound, $"appliance {id}, just made, is gone");
        }, (s, c) => _cloud.Nova.DeleteServerAsync(s.Id, c), s => (s.Id, s.Created), _time, ct);
        return await BuiltAsync(made, ct);
    }

    private async Task<NovaServer> BuiltAsync(NovaServer server, CancellationToken ct)
    {
        if (server is { Status: "ACTIVE", TaskState: null }) return server;
        try
        {
            return await _wait.UntilAsync(server.Id, "ACTIVE", _limits.Build, ct);
        }
        catch (CloudException e) when (e.Fault is CloudFault.BuildFailed or CloudFault.NoValidHost
            or CloudFault.QuotaExceeded or CloudFault.TooSlow)
        {
            // It holds quota, and is of no use.
            await RetireAsync(server.Id, e.Message, ct);
            throw;
        }
    }

    // The oldest first; those that are lost are no obstacle to another one.
    private async Task<IReadOnlyList<NovaServer>> FindAsync(int number, CancellationToken ct) =>
    [
        .. (await MineAsync(ct)).Where(s => ApplianceMarks.NumberOf(s) == number && !ApplianceMarks.IsLost(s)),
    ];

    private async Task<NewServerRequest> RequestAsync(int number, CancellationToken ct)
    {
        var flavor = Named(await _cloud.Nova.FlavorsAsync(ct), _settings.Flavor, f => f.Id, f => f.Name, "flavor");
        var network = Named(await _cloud.Neutron.NetworksAsync(ct), _settings.Network, n => n.Id, n => n.Name,
            "network");
        var image = await _image.MakeAsync(ct);
        var group = await SecurityGroupAsync(ct);
        var together = await ServerGroupAsync(ct);
        var name = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        using var ca = X509Certificate2.CreateFromPem(await File.ReadAllTextAsync(_paths.CaCertificate, ct));
        // A flavor without a disk is one for servers that boot from a volume.
        var root = flavor.Disk > 0 ? new NewBlockDevice(0, image, "image", "local", DeleteOnTermination: true)
            : new NewBlockDevice(0, image, "image", "volume", DeleteOnTermination: true, VolumeSize: 1);
        return new NewServerRequest(new NewServer(Marks.ServerName(number), flavor.Id,
            new JsonArray(new JsonObject { ["uuid"] = network.Id }), [root])
        {
            ImageRef = flavor.Disk > 0 ? image : null,
            Tags = [Marks.Tag],
            Metadata = new Dictionary<string, string>
            {
                [ApplianceMarks.NumberKey] = $"{number}",
                [ApplianceMarks.NameKey] = name,
            },
            SecurityGroups = [new NewServerSecurity(group)],
            UserData = ApplianceUserData.Write(name, ApplianceSettings.Port, ca),
            ConfigDrive = true,
            AvailabilityZone = _settings.AvailabilityZones is { Count: > 0 } zones ? zones[number % zones.Count] : null,
            Description = "Writes volumes of a recovery site (made by Lifeboat)",
        })
        {
            Hints = together is null ? null : new SchedulerHints(together),
        };
    }

    /// <exception cref="SiteException">Refused: there is none, or several.</exception>
    internal static T Named<T>(IEnumerable<T> all, string told, Func<T, string> id, Func<T, string> name, string what)
    {
        var found = all.Where(a => id(a) == told || name(a) == told).ToList();
        return found.FirstOrDefault(a => id(a) == told) ?? (found.Count == 1 ? found[0]
            : throw new SiteException(SiteFault.Refused, $"options.appliances.{what}: there "
                + (found.Count == 0 ? $"is no {what} '{told}'" : $"are {found.Count} of the name '{told}'; name it by "
                    + "its id")));
    }

    // One port in, nothing out: answers are let through, and DHCP always is.
    private async Task<string> SecurityGroupAsync(CancellationToken ct)
    {
        var found = await MakeOnce.SharedAsync(GroupsAsync,
            c => _cloud.Neutron.CreateSecurityGroupAsync(new NewSecurityGroup(Marks.GroupName, Made.Begin(null)), c),
            (g, c) => _cloud.Neutron.DeleteSecurityGroupAsync(g.Id, c), g => (g.Id, g.CreatedAt), _time, ct);
        if (!Made.IsBegun(found.Description)) return found.Id;
        try
        {
            await _cloud.Neutron.CreateSecurityRuleAsync(new NeutronSecurityRule("ingress", null, "IPv4", "tcp",
                ApplianceSettings.Port, ApplianceSettings.Port, _settings.From, SecurityGroupId: found.Id), ct);
        }
        catch (CloudException e) when (e.Fault is CloudFault.Conflict)
        {
            // An attempt that was cut short, or another controller, made it.
        }
        foreach (var rule in (found.SecurityGroupRules ?? []).Where(r => r.Direction == "egress"))
            await _cloud.Neutron.DeleteSecurityRuleAsync(rule.Id!, ct);
        await _cloud.Neutron.ChangeSecurityGroupAsync(found.Id,
            new NewSecurityGroup(Marks.GroupName, Made.Finish(null)), ct);
        return found.Id;
    }

    private async Task<IReadOnlyList<NeutronSecurityGroup>> GroupsAsync(CancellationToken ct) =>
    [
        .. (await _cloud.Neutron.SecurityGroupsAsync(ct)).Where(g => g.Name == Marks.GroupName
            && Made.IsOurs(g.Description)).OrderBy(g => g.CreatedAt),
    ];

    private async Task<string?> ServerGroupAsync(CancellationToken ct) => _settings.AtMost == 1 ? null
        : (await MakeOnce.RunAsync(
            async c => [.. (await _cloud.Nova.ServerGroupsAsync(c)).Where(g => g.Name == Marks.GroupName)],
            c => _cloud.Nova.CreateServerGroupAsync(Marks.GroupName, "soft-anti-affinity", null, c),
            (g, c) => _cloud.Nova.DeleteServerGroupAsync(g.Id, c), _time, ct)).Id;

    // Null: it has become lost meanwhile.
    private async Task<Appliance?> ReadyAsync(NovaServer server, CancellationToken ct)
    {
        if (_ready.TryGetValue(server.Id, out var known)) return known;
        var built = await BuiltAsync(server, ct);
        var name = built.Metadata?.GetValueOrDefault(ApplianceMarks.NameKey) ?? "";
        var address = await AddressAsync(built, ct);
        for (var start = _time.GetTimestamp(); ; await Task.Delay(Look, _time, ct))
        {
            if (ApplianceUserData.FindFingerprint(await ConsoleAsync(server.Id, ct), name) is { } fingerprint)
            {
                var ready = new Appliance(server.Id, ApplianceMarks.NumberOf(built),
                    new IPEndPoint(address, ApplianceSettings.Port), fingerprint);
                LogReady(ready.Number, server.Id, ready.Address.ToString(), _time.GetElapsedTime(start).TotalSeconds);
                return _ready[server.Id] = ready;
            }
            if (ApplianceMarks.IsLost(await _cloud.Nova.FindServerAsync(server.Id, ct))) return null;
            if (_time.GetElapsedTime(start) >= _limits.Build)
                throw new SiteException(SiteFault.CloudUnavailable, $"appliance {built.Name} ({server.Id}) has not "
                    + $"told its fingerprint on its console within {_limits.Build.TotalSeconds:0} s");
        }
    }

    private async Task<string> ConsoleAsync(string server, CancellationToken ct)
    {
        try
        {
            return await _cloud.Nova.ConsoleAsync(server, ct);
        }
        catch (CloudException e) when (e.Fault is CloudFault.Conflict or CloudFault.NotFound)
        {
            return ""; // not begun yet, or gone: who asks looks at the server
        }
    }

    private async Task<IPAddress> AddressAsync(NovaServer server, CancellationToken ct)
    {
        var port = (await _cloud.Neutron.PortsAsync(server.Id, ct)).FirstOrDefault()
            ?? throw new CloudException(CloudFault.NotFound, $"appliance {server.Name} ({server.Id}) has no port");
        if (_settings.FloatingPool is not null) return IPAddress.Parse(await FloatingAsync(server, port, ct));
        var own = (port.FixedIps ?? []).Select(f => f.IpAddress).OfType<string>().Select(IPAddress.Parse)
            .OrderBy(a => a.AddressFamily).FirstOrDefault();
        return own ?? throw new CloudException(CloudFault.NotFound,
            $"appliance {server.Name} ({server.Id}) has no address on network '{_settings.Network}'");
    }

    private async Task<string> FloatingAsync(NovaServer server, NeutronPort port, CancellationToken ct)
    {
        var mark = Marks.Address(server.Id);
        var pool = Named((await _cloud.Neutron.NetworksAsync(ct)).Where(n => n.External), _settings.FloatingPool!,
            n => n.Id, n => n.Name, "floatingPool");
        return (await MakeOnce.RunAsync(
            async c => [.. (await _cloud.Neutron.FloatingIpsAsync(c)).Where(f => f.Description == mark)],
            c => _cloud.Neutron.CreateFloatingIpAsync(new NewFloatingIp(pool.Id, port.Id, Description: mark), c),
            (f, c) => _cloud.Neutron.DeleteFloatingIpAsync(f.Id, c), _time, ct)).FloatingIpAddress;
    }

    [LoggerMessage(EventIds.ApplianceMade, LogLevel.Information, "Appliance {Number} is built as server {ServerId}")]
    private partial void LogMade(int number, string serverId);

    [LoggerMessage(EventIds.ApplianceReady, LogLevel.Information,
        "Appliance {Number} ({ServerId}) is at {Address}; waited {Seconds:0.0} s for its fingerprint")]
    private partial void LogReady(int number, string serverId, string address, double seconds);
}
