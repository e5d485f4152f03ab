// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Sites.OpenStack;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Sites.OpenStack.Faults;

/// <summary>
/// Two real sites: a is plain QEMU with an oracle guest that boots by itself, b a project of a real cloud that Lifeboat
/// reaches through a <see cref="CloudProxy"/> only. Limits are short, so that what never comes is known soon.
/// </summary>
internal sealed class FaultyCloudPair : IAsyncDisposable
{
    public const string Guest = "db";
    public const string Mac = "fa:16:3e:0b:0f:01";
    public static readonly TimeSpan OutageLimit = TimeSpan.FromSeconds(40);
    private const string SiteCloud = "fault";
    private static readonly TimeSpan RunLimit = TimeSpan.FromMinutes(6);
    private OracleVm? _vm;

    private readonly CloudPairShape _shape;

    private FaultyCloudPair(TestProject project, CloudProxy proxy, CloudPairShape shape) =>
        (Project, Proxy, _shape) = (project, proxy, shape);

    public TestProject Project { get; }
    public CloudProxy Proxy { get; }
    public FieldPair Pair { get; private set; } = null!;
    public FieldSite B => Pair.B;
    public OracleVm Vm => _vm!;

    public static Task<FaultyCloudPair> StartAsync(string project, CancellationToken ct) =>
        StartAsync(project, new CloudPairShape(), ct);

    public static async Task<FaultyCloudPair> StartAsync(string project, CloudPairShape shape, CancellationToken ct) =>
        await StartAsync(await TestProject.CreateAsync(project, ct), shape, ct);

    /// <param name="made">Goes with the pair.</param>
    public static async Task<FaultyCloudPair> StartAsync(TestProject made, CloudPairShape shape, CancellationToken ct)
    {
        var pair = new FaultyCloudPair(made, await CloudProxy.StartAsync(made.Settings, made.Session, ct), shape);
        try
        {
            if (shape.Routed) await made.RouteAsync(ct);
            pair.Pair = await FieldPair.StartAsync(FieldPairOptions.Plain with { Prepare = pair.Prepare }, ct);
            await pair.ProtectAsync(ct);
            return pair;
        }
        catch
        {
            await pair.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a run at b; `--no-wait`.</summary>
    public Task<RunInfo> StartRunAsync(CancellationToken ct, params string[] command) =>
        B.AskAsync<RunInfo>([.. command, "--no-wait"], ct);

    /// <summary>Looks at a run until something holds of it; a controller that is not there is waited for.</summary>
    public async Task<RunInfo> UntilAsync(Guid run, Func<RunInfo, bool> holds, CancellationToken ct)
    {
        var start = Stopwatch.GetTimestamp();
        for (RunInfo? seen = null; ; await Task.Delay(300, ct))
        {
            var answer = await B.RunAsync(["run", "get", $"{run}", "-o", "json"], ct);
            // Of a run that failed it is shown with an exit code that says so.
            if (answer.Output.StartsWith('{'))
                seen = JsonSerializer.Deserialize<RunInfo>(answer.Output, ContractJson.Options)!;
            if (seen is not null && holds(seen)) return seen;
            Assert.True(Stopwatch.GetElapsedTime(start) < RunLimit, $"waited in vain; {Told(seen)} {answer.Talk}");
        }
    }

    /// <summary>Takes a run up again and waits for its end.</summary>
    public async Task<RunInfo> RetryAsync(Guid run, CancellationToken ct)
    {
        await B.MustAsync(["run", "retry", $"{run}"], ct);
        return await EndAsync(run, ct);
    }

    public Task<RunInfo> EndAsync(Guid run, CancellationToken ct) => UntilAsync(run, r => r.Finished, ct);

    /// <summary>A drill that is held open, or is over before.</summary>
    public Task<RunInfo> HeldAsync(Guid run, CancellationToken ct) => UntilAsync(run,
        r => r.Finished || r.Steps.Any(s => s is { Name: "hold-open", State: StepState.Running }), ct);

    /// <summary>What a run says of itself, for a failed assertion.</summary>
    public static string Told(RunInfo? run) => run is null ? "no run was seen"
        : $"run {run.State}, {run.Reason}: {run.Detail}\n" + string.Join('\n', run.Steps.Select(s =>
            $"  {s.Name} {s.State} {s.Attempts} {s.Reason} {string.Join("; ", s.Evidence)}"))
            + "\n" + string.Join('\n', run.Warnings);

    public async Task<IReadOnlyList<RecoveryPoint>> PointsAsync(CancellationToken ct) =>
        await B.AskAsync<IReadOnlyList<RecoveryPoint>>(["point", "list", FieldPair.Group], ct);

    /// <summary>The guest of a goes on being protected, whatever becomes of a run at b.</summary>
    public Task<GroupInfo> UntilProtectedAsync(CancellationToken ct) =>
        Pair.UntilProtectedAsync(Pair.A, TimeSpan.FromMinutes(1), ct);

    /// <summary>Kills b's controller; its watchdog brings it back.</summary>
    public Task KillControllerAsync()
    {
        Assert.True(B.Kill("controller"), "the controller of b does not run");
        return Task.CompletedTask;
    }

    /// <summary>What the oracle says of a disk image of the guest: its records are in the second partition.</summary>
    public async Task<OracleProof> ProveAsync(string image, OracleExpectation expectation, CancellationToken ct)
    {
        const long start = 49L << 20, length = 63L << 20;
        var records = image + ".records";
        await using (var from = File.OpenRead(image))
        await using (var to = File.Create(records))
        {
            from.Position = start;
            var piece = new byte[1 << 20];
            for (long at = 0; at < length; at += piece.Length)
            {
                await from.ReadExactlyAsync(piece, ct);
                await to.WriteAsync(piece, ct);
            }
        }
        return await OracleChecker.CheckAsync([new OracleImage(records)], expectation with
        {
            Guest = Guest, Witness = Pair.Witness.History, WorkDirectory = Pair.Directory,
        }, ct);
    }

    public async ValueTask DisposeAsync()
    {
        Proxy.Clear();
        if (_vm is not null) await _vm.DisposeAsync();
        if (Pair is not null) await Pair.DisposeAsync();
        await Proxy.DisposeAsync();
        await Project.DisposeAsync();
    }

    private void Prepare(FieldSite site)
    {
        if (site.Name != "b") return;
        var clouds = Path.Combine(site.Directory, "clouds.yaml");
        File.WriteAllText(clouds, Proxy.Yaml(SiteCloud, Project.Settings.Region, Project.Name, TestProject.Password,
            Project.Name));
        var options = Testbed.DriverOptions(site.Directory) with
        {
            Cloud = SiteCloud,
            CloudsFile = clouds,
            Map = new RecoveryMap { Networks = new Dictionary<string, string> { ["default"] = "lan" } },
            VolumeLimit = TimeSpan.FromSeconds(20),
            BuildLimit = TimeSpan.FromMinutes(3),
            StopLimit = TimeSpan.FromSeconds(30),
        };
        var file = JsonNode.Parse(File.ReadAllText(site.Paths.Configuration))!;
        file["driver"] = "openstack";
        file["options"] = JsonSerializer.SerializeToNode(_shape.Options(options), ContractJson.Options);
        file["runs"] = new JsonObject { ["outageLimit"] = OutageLimit.ToString() };
        File.WriteAllText(site.Paths.Configuration, file.ToJsonString());
    }

    private async Task ProtectAsync(CancellationToken ct)
    {
        var folder = Path.Combine(Pair.Directory, Guest);
        Directory.CreateDirectory(folder);
        var disk = new OracleDisk(Path.Combine(folder, "vda.img"), _shape.DiskBytes, OracleFileSystem.Raw);
        await HostCommand.MustAsync("qemu-img",
            ["convert", "-O", "raw", Path.Combine(Testbed.Folder, "oracle.qcow2"), disk.Path], ct);
        await _shape.FillAsync(disk.Path, ct);
        Pair.Witness.Listen(Guest, Pair.WitnessSocket);
        _vm = await OracleVm.StartAsync(new OracleVmOptions
        {
            Name = Guest,
            Directory = folder,
            Guest = null,
            Disks = [disk],
            MemoryMiB = 128,
            WitnessSocket = Pair.WitnessSocket,
            ExtraArguments =
                ["-netdev", "user,id=net0,restrict=on", "-device", $"virtio-net-pci,netdev=net0,mac={Mac}"],
        }, ct);
        await Pair.Witness.History.WaitForAcksAsync(Guest, 30, ct).WaitAsync(TimeSpan.FromMinutes(2), ct);
        await Pair.ProtectAsync(_vm, ["--checkpoint-interval", "1s"], ct);
        await Pair.UntilAsync(B, g => g.Replica is not null, TimeSpan.FromMinutes(1), ct);
    }
}
