// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Peers;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Instances;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.Policies;
using Lifeboat.Recovery.Runs;
using Lifeboat.Recovery.Steps;
using Lifeboat.Testing;
using Lifeboat.Testing.Recovery;
using Lifeboat.Testing.Simulation;
using Lifeboat.Testing.Sites;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Recovery;

/// <summary>Two sites, a group of two instances replicated from a to b, and controllers that can be killed.</summary>
internal sealed class RecoveryWorld
{
    public const string Group = "shop";
    private const long StepLimit = 200_000;

    private readonly SimulatedScheduler _scheduler;
    private readonly SimulatedProcess _world;
    private readonly Dictionary<string, InMemoryRunStore> _stores = [];
    private SimulatedProcess _controller;
    private int _ids;
    private Exception? _crash;
    private bool _carriesOut;

    public RecoveryWorld(ulong seed = 7)
    {
        _scheduler = new SimulatedScheduler(new Prng(seed));
        _world = NewProcess("world");
        _controller = _world;
        A = Side("a");
        B = Side("b");
        Inside(async () =>
        {
            foreach (var member in Definition.Members) await StartAtAAsync(member);
            await A.SetGroupAsync(Definition, default);
            await B.SetGroupAsync(Definition, default);
            await B.AcceptReplicaAsync(Group, new AcceptReplicaRequest(Seeded: false), default);
            await A.StartSourceAsync(Group, default);
            await A.SourceAsync(Group, default);
        });
    }

    public SimulatedSide A { get; }
    public SimulatedSide B { get; }
    public AgentNetwork Network { get; } = new();
    public long Steps => _scheduler.Steps;
    /// <summary>Told before and after everything that a process asks of a site.</summary>
    public Action Touched { get; set; } = static () => { };
    /// <summary>The n-th pause of a run around an effect at a site fails; 0: none does.</summary>
    public int FailAt { get; set; }

    public static GroupDefinition Definition { get; } = new()
    {
        Name = Group,
        Version = 1,
        Epoch = Epoch.First,
        PrimarySite = "a",
        RecoverySite = "b",
        Policy = Policy.Default,
        Checks = ["tcp:5432", "db1/exec:pg_isready"],
        Members = [Member("db1", 0, 0, "vda", "vdb"), Member("web1", 1, 2, "vda")],
    };

    public void LoseA()
    {
        A.Unreachable = true;
        Network.Down.Add("a");
        A.Site.LosePower();
    }

    /// <summary>Nobody reaches it, and it goes on.</summary>
    public void CutOffA()
    {
        A.Unreachable = true;
        Network.Down.Add("a");
    }

    public void BringABack()
    {
        A.Unreachable = false;
        Network.Down.Remove("a");
    }

    /// <summary>Runs a plan to its end; the controller is killed at the given steps and started again.</summary>
    public Run Run(RunKind kind, SimulatedSide at, RunInput? input = null, params long[] killAfter)
    {
        Run? ended = null;
        var origin = _scheduler.Steps;
        StartController(at, kind, input ?? RunInput.None, run => ended = run);
        foreach (var kill in killAfter)
        {
            RunUntil(() => ended is not null || _scheduler.Steps - origin >= kill);
            if (ended is not null) break;
            _controller.Kill();
            StartController(at, kind, input ?? RunInput.None, run => ended = run);
        }
        RunUntil(() => ended is not null);
        return ended!;
    }

    public Runner RunnerAt(SimulatedSide at) => RunnerAt(at, _controller, _stores[at.Name]);

    public Runner RunnerAt(SimulatedSide at, SimulatedProcess controller, IRunStore store) => new(store, at,
        peer => (peer == "a" ? A : B).AsPeer(), StepCatalog.Shipped(), RunnerOptions.Default, NewId,
        controller.Clock, NullLogger<Runner>.Instance);

    public void Inside(Func<Task> work)
    {
        var done = false;
        _world.Start(async () =>
        {
            await work();
            done = true;
        });
        RunUntil(() => done);
    }

    /// <summary>Starts a run and hands it out while it is under way.</summary>
    public (Runner Runner, Func<Run?> Ended) Begin(RunKind kind, SimulatedSide at, RunInput input)
    {
        Run? ended = null;
        var runner = StartController(at, kind, input, run => ended = run);
        return (runner, () => ended);
    }

    public void RunUntil(Func<bool> done)
    {
        _scheduler.Run(() => done() || _crash is not null, _scheduler.Steps + StepLimit);
        if (_crash is not null) throw new InvalidOperationException("a simulated process failed", _crash);
        if (!done()) throw new InvalidOperationException("the world stands still");
    }

    public InMemoryRunStore Store(SimulatedSide side) => _stores[side.Name];

    /// <summary>All that a run may leave behind, without what may differ: ids and times.</summary>
    public string Snapshot()
    {
        var text = "";
        Inside(async () =>
        {
            foreach (var side in new[] { A, B }) text += await DescribeAsync(side);
        });
        return text;
    }

    private static async Task<string> DescribeAsync(SimulatedSide side)
    {
        var group = await side.GroupAsync(Group, default);
        var source = await side.SourceAsync(Group, default);
        var replica = await side.ReplicaAsync(Group, default);
        return JsonSerializer.Serialize(new
        {
            side.Name,
            group!.Epoch,
            group.PrimarySite,
            group.RecoverySite,
            Source = source is null ? null : $"{source.Phase} in {source.Epoch}",
            Replica = replica is null ? null
                : $"in {replica.Epoch}, {replica.Newest?.Consistency}, {replica.Connected}",
            side.Agent.ReplicasMade,
            Views = replica?.Views,
            Pins = replica is null ? null : side.Agent.Pins(Group),
            Kept = side.Agent.Kept(Group).Select(k => $"{k.Name} {k.Point.Label} {string.Join(' ', k.Pins)}, "
                + $"views {string.Join(' ', k.Views)}"),
            side.Site.Bubbles,
            Instances = (await side.Site.ListAsync(default))
                .Select(i => $"{i.Name} {i.Power} {i.ProcessId} {i.Disks.All(d => d.Native)}"),
        }, ContractJson.Indented);
    }

    private Runner StartController(SimulatedSide at, RunKind kind, RunInput input, Action<Run> ended)
    {
        _controller = NewProcess("controller");
        var runner = RunnerAt(at);
        _controller.Start(async () =>
        {
            var group = await at.GroupAsync(Group, default);
            var unfinished = await _stores[at.Name].UnfinishedAsync(default);
            var known = await _stores[at.Name].ListAsync(Group, default);
            var run = unfinished.FirstOrDefault()
                ?? known.FirstOrDefault(r => r.Kind == kind && r.Input.IdempotencyKey == Key(kind, input))
                ?? await runner.CreateAsync(kind, group!, input with { IdempotencyKey = Key(kind, input) },
                    protectedNow: await IsProtectedAsync(at, group!), default);
            _carriesOut = true;
            var end = await runner.ExecuteAsync(run.Id, default);
            _carriesOut = false;
            ended(end);
        });
        return runner;
    }

    private static string Key(RunKind kind, RunInput input) => input.IdempotencyKey ?? kind.ToString();

    private static async Task<bool> IsProtectedAsync(SimulatedSide at, GroupDefinition group) =>
        await at.ReplicaAsync(Group, default) is { Connected: true } && group.RecoverySite == at.Name;

    private static Task PauseAsync() => SimulatedProcess.Current.Clock.DelayAsync(TimeSpan.FromMilliseconds(1));

    private async Task PauseOrFailAsync()
    {
        Touched();
        await PauseAsync();
        if (_carriesOut && FailAt > 0 && --FailAt == 0)
            throw new ProblemException(ReasonCode.TargetFull, "made to fail");
    }

    private Guid NewId()
    {
        var bytes = new byte[16];
        BitConverter.TryWriteBytes(bytes, ++_ids);
        BitConverter.TryWriteBytes(bytes.AsSpan(12), _ids);
        return new Guid(bytes);
    }

    private SimulatedSide Side(string name)
    {
        _stores[name] = new InMemoryRunStore(PauseAsync);
        var site = new SimulatedSite(name, _world.Clock);
        var agent = new AgentDouble(name, "link-" + name, Network, _world.Clock, NewId);
        return new SimulatedSide(name, site, agent, other => "link-" + other, PauseOrFailAsync);
    }

    public SimulatedProcess NewProcess(string name) => new(_scheduler, ++_ids, name, (_, e) => _crash ??= e);

    private Task StartAtAAsync(GroupMember member) => A.StartAsync(new StartRequest
    {
        Instance = member.Instance,
        Description = member.Description,
        Disks = [.. member.Description.Disks.Select(d => new DiskSource(d.Name, $"/d/{d.Name}", null, null, false))],
    }, default);

    private static GroupMember Member(string name, int order, ushort firstIndex, params string[] disks) => new(name,
        MemberKind.Replicated, order, new InstanceDescription
        {
            Name = name,
            Cpus = 1,
            MemoryMiB = 128,
            GuestAgent = true,
            Nics =
            [
                new InstanceNic("default", "virtio-net-pci", $"52:54:00:00:00:0{firstIndex}",
                    $"10.0.0.{firstIndex + 2}"),
            ],
            Disks = [.. disks.Select((d, i) => new InstanceDisk(d, "virtio", i, 1 << 20, null))],
        },
        [.. disks.Select((d, i) => new GroupVolume((ushort)(firstIndex + i), $"{name}.{d}", name, d, 1 << 20))]);
}
