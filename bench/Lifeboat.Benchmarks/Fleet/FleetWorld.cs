// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;
using Lifeboat.Testing.Databases;

namespace Lifeboat.Benchmarks.Fleet;

/// <summary>
/// Two paired sites with many groups: one or two real controllers at a, one at b, and the fake agents of both in one
/// process. What the groups' creation would have left is written into both sites' databases before.
/// </summary>
internal sealed class FleetWorld : IAsyncDisposable
{
    public const string Second = "c2";
    public static readonly TimeSpan SharedInterval = TimeSpan.FromSeconds(10);

    private readonly string _root;
    private readonly Dictionary<string, FleetProcess> _controllers = [];
    private FleetProcess? _agents;
    private PostgresServer? _postgres;

    private FleetWorld(string root) => _root = root;

    public string CutLog => Path.Combine(_root, "cuts.log");
    public IReadOnlyList<string> Effects() => FleetSite.Effects(Path.Combine(_root, "a", "fleet"));
    public SitePaths A => new(Path.Combine(_root, "a"));
    public SitePaths B => new(Path.Combine(_root, "b"));
    public FleetProcess ControllerA => _controllers[A.Root];

    public static async Task<FleetWorld> StartAsync(int groups, bool shared, CancellationToken ct)
    {
        var world = new FleetWorld(Directory.CreateTempSubdirectory("lbfl").FullName);
        try
        {
            await world.PrepareAsync(groups, shared, ct);
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    /// <param name="place">Directory of the controller.</param>
    public async Task StartControllerAsync(string place) => _controllers[place] =
        await FleetProcess.StartAsync(Path.Combine(_root, Path.GetFileName(place) + ".log"), "fleet-controller", place);

    public async Task KillControllerAsync(string place)
    {
        if (!_controllers.Remove(place, out var process)) return;
        await process.KillAsync();
        await process.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _controllers.Values) await process.DisposeAsync();
        if (_agents is not null) await _agents.DisposeAsync();
        if (_postgres is not null) await _postgres.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    private async Task PrepareAsync(int groups, bool shared, CancellationToken ct)
    {
        if (shared) _postgres = await PostgresServer.StartAsync(ct);
        var database = _postgres is null ? null : await _postgres.CreateDatabaseAsync("site_a", ct);
        SiteInitializer.Init(A.Root, "a", Free(), Free(), null, database);
        SiteInitializer.Init(B.Root, "b", Free(), Free());
        if (shared) SiteInitializer.AddController(A.Root, new ControllerConfiguration(Second, Free()),
            TimeProvider.System);
        _agents = await FleetProcess.StartAsync(Path.Combine(_root, "agents.log"), "fleet-agents", _root);
        await StartControllerAsync(A.Root);
        await StartControllerAsync(B.Root);
        using (var a = new ControllerClient(A.ControllerSocket))
        using (var b = new ControllerClient(B.ControllerSocket))
            await a.PairAsync((await b.CreateTokenAsync(ct)).Token, ct);
        foreach (var place in new[] { A, B })
        {
            await _controllers[place.Root].DisposeAsync();
            Fill(place, groups);
            await StartControllerAsync(place.Root);
        }
        if (shared) await StartControllerAsync(A.OfController(Second).Root);
    }

    private void Fill(SitePaths place, int groups)
    {
        var site = SiteConfiguration.Read(place.Root);
        using var database = SiteDatabase.Open(place, site, TimeProvider.System);
        var files = new GroupFiles(place);
        var (known, specs) = (new GroupStore(database, files), new SpecStore(database, files));
        for (var number = 0; number < groups; number++)
        {
            var group = Define(number);
            known.Save(new GroupRecord(group, Removed: false));
            if (group.PrimarySite == site.Name)
                specs.SaveSource(Source(group), active: true);
            else specs.SaveReplica(new(Replica(group), group.Epoch, Active: true));
        }
    }

    private static GroupDefinition Define(int number)
    {
        var guest = FleetNames.Guest(number);
        return new GroupDefinition
        {
            Name = FleetNames.Group(number),
            Version = 1,
            Epoch = Epoch.First,
            PrimarySite = FleetNames.Home(number),
            RecoverySite = FleetNames.Away(number),
            Policy = Policy.Default with
            {
                SharedInterval = FleetNames.Application(number) is null ? null : SharedInterval,
            },
            Application = FleetNames.Application(number),
            Checks = ["tcp:22"],
            Members =
            [
                new GroupMember(guest, MemberKind.Replicated, 0, FleetNames.Describe(guest),
                [
                    .. FleetNames.Describe(guest).Disks.Select((d, i) =>
                        new GroupVolume((ushort)i, $"{guest}.{d.Name}", guest, d.Name, d.SizeBytes)),
                ]),
            ],
        };
    }

    private SourceSpec Source(GroupDefinition group) => new()
    {
        Group = group.Name,
        RecoverySite = group.RecoverySite,
        Epoch = group.Epoch,
        Target = SiteConfiguration.Read(Path.Combine(_root, group.RecoverySite)).LinkAddress,
        Volumes = [.. group.Volumes.Select(v => new SourceVolume(v.Index, v.Name, v.Instance,
            FleetNames.Monitor(v.Instance), v.Disk, v.SizeBytes))],
        Instances = [.. group.Members.Select(m =>
            new SourceInstance(m.Instance, FleetNames.Monitor(m.Instance), null))],
        Policy = group.Policy,
    };

    private static ReplicaSpec Replica(GroupDefinition group) => new()
    {
        Group = group.Name,
        PrimarySite = group.PrimarySite,
        Epoch = group.Epoch,
        Retention = group.Policy.Retention,
        Volumes = [.. group.Volumes.Select(v => new ReplicaVolume(v.Index, v.Name, v.SizeBytes))],
    };

    private static string Free()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return $"127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}";
    }
}
