// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Contracts.Api;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Testing.Field;

/// <summary>Two real, paired sites and a witness outside both, for tests that walk a group through its life.</summary>
public sealed class FieldPair : IAsyncDisposable
{
    public const string Group = "shop";
    private const string Memory = "/dev/shm";
    private readonly string _directory;

    private readonly FieldPairOptions _options;
    private SmallDisk? _replicaDisk, _outboxDisk;
    private string? _memory;

    private FieldPair(string directory, FieldPairOptions options, TimeProvider time)
    {
        (_directory, _options) = (directory, options);
        A = new FieldSite("a", Path.Combine(directory, "a"));
        B = new FieldSite("b", Path.Combine(directory, "b"));
        if (options.Command is { } command) A.Command = B.Command = command;
        Time = time;
        WitnessLog = options.KeepWitnessLog ? new WitnessLogWriter(Path.Combine(directory, "witness.log")) : null;
        Witness = new Witness(time, WitnessLog);
        Proxy = options.WithProxy ? LinkProxy.Listen(null, time) : null;
    }

    public FieldSite A { get; }
    public FieldSite B { get; }
    public Witness Witness { get; }
    public WitnessLogWriter? WitnessLog { get; }
    /// <summary>The line from a's agent to b's; null: they are connected directly.</summary>
    public LinkProxy? Proxy { get; }
    /// <summary>The file system under b's replicas; null: the directory is like any other.</summary>
    public SmallDisk? ReplicaDisk => _replicaDisk;
    /// <summary>The file system under a's outbox logs.</summary>
    public SmallDisk? OutboxDisk => _outboxDisk;
    public TimeProvider Time { get; }
    public string Directory => _directory;
    /// <summary>The directory outlives the pair.</summary>
    public bool Keep { get; set; }
    public string WitnessSocket => Path.Combine(_directory, "w.sock");

    public static Task<FieldPair> StartAsync(CancellationToken ct) => StartAsync(FieldPairOptions.Plain, ct);

    public static async Task<FieldPair> StartAsync(FieldPairOptions options, CancellationToken ct)
    {
        // Short: it holds sockets.
        var directory = options.Directory ?? System.IO.Directory.CreateTempSubdirectory("lb-").FullName;
        System.IO.Directory.CreateDirectory(directory);
        var pair = new FieldPair(directory, options, TimeProvider.System);
        try
        {
            await pair.InitAsync(ct);
            options.Prepare(pair.A);
            options.Prepare(pair.B);
            await Task.WhenAll(pair.A.StartAsync(ct), pair.B.StartAsync(ct));
            await pair.A.PairWithAsync(pair.B, ct);
            return pair;
        }
        catch
        {
            await pair.DisposeAsync();
            throw;
        }
    }

    private async Task InitAsync(CancellationToken ct)
    {
        await A.InitAsync(ct);
        await B.InitAsync([
            .. Proxy is null ? (string[])[] : ["--link-advertise", $"{Proxy.Address}"],
            .. _options.RecoveryDatabase is { } database ? (string[])["--database", database] : []], ct);
        Proxy?.Target = IPEndPoint.Parse(SiteConfiguration.Read(B.Directory).LinkListen);
        if (_options.ReplicaDiskBytes is { } bytes)
            _replicaDisk = await SmallDisk.MountAsync(
                Path.Combine(_directory, "replica-disk.img"), B.Paths.Replicas, bytes, ct);
        if (_options.OutboxDiskBytes is { } room)
            _outboxDisk = await SmallDisk.MountAsync(Path.Combine(_directory, "outbox-disk.img"),
                Path.Combine(A.Paths.AgentState, "outbox"), room, ct);
    }

    /// <summary>An oracle guest started by hand, as somebody would who has never heard of Lifeboat.</summary>
    public async Task<OracleVm> StartGuestAsync(string name, OracleWorkload workload, OracleBus bus,
        IReadOnlyList<(long SizeBytes, OracleFileSystem FileSystem)> disks, CancellationToken ct)
    {
        var folder = Path.Combine(_directory, name);
        System.IO.Directory.CreateDirectory(folder);
        var imageFolder = ImageFolder(folder, disks.Sum(d => d.SizeBytes));
        var images = disks
            .Select((d, i) => new OracleDisk(Path.Combine(imageFolder, $"d{i}.img"), d.SizeBytes, d.FileSystem))
            .ToArray();
        foreach (var image in images) await image.CreateAsync(ct);
        Witness.Listen(name, WitnessSocket);
        var vm = await OracleVm.StartAsync(new OracleVmOptions
        {
            Name = name, Directory = folder, Guest = await OracleGuest.BuildAsync(ct), Disks = images,
            Workload = workload, Bus = bus, WitnessSocket = WitnessSocket,
        }, ct);
        await Witness.History.WaitForAcksAsync(name, 30, ct).WaitAsync(TimeSpan.FromMinutes(2), ct);
        return vm;
    }

    private string ImageFolder(string folder, long bytes)
    {
        if (!_options.GuestDisksInMemory || !System.IO.Directory.Exists(Memory)
            || new DriveInfo(Memory).AvailableFreeSpace < 2 * bytes) return folder;
        return _memory ??= System.IO.Directory.CreateDirectory(
            Path.Combine(Memory, $"lb-{Environment.ProcessId}-{Path.GetFileName(_directory)}")).FullName;
    }

    public async Task ProtectAsync(OracleVm vm, IEnumerable<string> options, CancellationToken ct)
    {
        await A.MustAsync(["instance", "adopt", vm.Options.Name, "--qmp", vm.QmpSocket,
            "--guest-agent", vm.GuestAgentSocket], ct);
        await ProtectWithAsync(
            ["group", "create", Group, "--instance", vm.Options.Name, "--recovery-site", "b", .. options], ct);
    }

    /// <summary>Creates a group with this command and waits until it is protected.</summary>
    public async Task ProtectWithAsync(IReadOnlyList<string> create, CancellationToken ct)
    {
        await A.MustAsync(create, ct);
        await UntilProtectedAsync(A, TimeSpan.FromMinutes(3), ct);
    }

    public Task<GroupInfo> UntilProtectedAsync(FieldSite site, TimeSpan limit, CancellationToken ct) =>
        UntilAsync(site, FieldSite.IsProtected, limit, ct);

    /// <summary>Asks for the group until something holds of it.</summary>
    public Task<GroupInfo> UntilAsync(FieldSite site, Func<GroupInfo, bool> holds, TimeSpan limit,
        CancellationToken ct) => site.UntilGroupAsync(Group, holds, limit, Time, ct);

    /// <summary>Waits until one run of a guest has so many more durable records than now.</summary>
    /// <exception cref="FieldException">It had not within the limit; says what is known of it.</exception>
    public async Task UntilAckedAsync(OracleVm vm, ulong run, long more, TimeSpan limit, CancellationToken ct)
    {
        long Last(WitnessHistory history) =>
            history.Runs(vm.Options.Name).First(r => r.Run == run).LastAcked()?.N ?? 0;
        var start = Last(Witness.History);
        try
        {
            await Witness.History.WaitUntilAsync(h => Last(h) >= start + more, ct).WaitAsync(limit, ct);
        }
        catch (TimeoutException e)
        {
            var runs = Witness.History.Runs(vm.Options.Name).Select(r => $"  {r.Run:x16} booted {r.BootedAt:T}, "
                + $"stopped {r.Stopped:T}, last record {r.LastAcked()?.N} at {r.LastAcked()?.At:T}");
            throw new FieldException($"run {run:x16} of {vm.Options.Name} went from record {start} to "
                + $"{Last(Witness.History)} within {limit.TotalSeconds:0} s, not by {more}\n" + string.Join('\n',
                    [.. runs, .. await vm.LookAsync(ct), .. A.Warnings(), .. B.Warnings()]), e);
        }
    }

    /// <summary>Takes the disks of a point out of a site with the product's command and lets the oracle judge
    /// them.</summary>
    public Task<OracleProof> ProveAsync(FieldSite site, Guid point, OracleVm vm, OracleExpectation expectation,
        CancellationToken ct) => ProveAsync(site, point, vm.Options.Name, expectation, ct);

    public async Task<OracleProof> ProveAsync(FieldSite site, Guid point, string guest, OracleExpectation expectation,
        CancellationToken ct)
    {
        var folder = Path.Combine(_directory, $"proof-{point:N}");
        await site.MustAsync(["point", "export", Group, "--point", $"{point}", "--to", folder], ct);
        var files = System.IO.Directory.GetFiles(folder, "*.img").Order(StringComparer.Ordinal).ToArray();
        var images = files.Select(f => new OracleImage(f)).ToArray();
        var proof = await OracleChecker.CheckAsync(images,
            expectation with { Guest = guest, Witness = Witness.History, WorkDirectory = _directory }, ct);
        System.IO.Directory.Delete(folder, recursive: true);
        return proof;
    }

    public async ValueTask DisposeAsync()
    {
        await A.DisposeAsync();
        await B.DisposeAsync();
        if (Proxy is not null) await Proxy.DisposeAsync();
        await Witness.DisposeAsync();
        WitnessLog?.Dispose();
        if (_replicaDisk is not null) await _replicaDisk.DisposeAsync();
        if (_outboxDisk is not null) await _outboxDisk.DisposeAsync();
        if (_memory is not null) System.IO.Directory.Delete(_memory, recursive: true);
        if (!Keep) System.IO.Directory.Delete(_directory, recursive: true);
    }
}
