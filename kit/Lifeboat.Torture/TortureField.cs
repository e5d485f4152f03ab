// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Torture;

/// <summary>
/// What is tortured: two sites with a bad line between them, a guest at a, a's outbox log and b's
/// replicas on small disks.
/// </summary>
internal sealed class TortureField : IAsyncDisposable
{
    private static readonly TimeSpan AskLimit = TimeSpan.FromSeconds(10);

    private TortureField(FieldPair pair, TortureOptions options, TortureLog log)
    {
        (Pair, Options, Log) = (pair, options, log);
        Strikes = new Strikes(log, pair.Time);
        Lateness = new MachineLateness(pair.Time);
        SourceAgent = new AgentClient(pair.A.Paths.AgentSocket);
        SourceController = new ControllerClient(pair.A.Paths.ControllerSocket);
        RecoveryController = new ControllerClient(pair.B.Paths.ControllerSocket);
    }

    public FieldPair Pair { get; }
    public TortureOptions Options { get; }
    public TortureLog Log { get; }
    public Strikes Strikes { get; }
    public MachineLateness Lateness { get; }
    public AgentClient SourceAgent { get; }
    public ControllerClient SourceController { get; }
    public ControllerClient RecoveryController { get; }
    public TimeProvider Time => Pair.Time;
    public LinkProxy Line => Pair.Proxy!;
    public WitnessHistory History => Pair.Witness.History;
    /// <summary>The guest's QEMU of now: a power loss gives it another one.</summary>
    public OracleVm Vm { get; private set; } = null!;

    public static async Task<TortureField> SetUpAsync(TortureOptions options, TortureLog log, CancellationToken ct)
    {
        var pair = await FieldPair.StartAsync(new FieldPairOptions
        {
            Directory = options.Directory,
            WithProxy = true,
            ReplicaDiskBytes = TortureOptions.ReplicaDiskBytes,
            OutboxDiskBytes = TortureOptions.OutboxDiskBytes,
            KeepWitnessLog = true,
            GuestDisksInMemory = true,
        }, ct);
        pair.Keep = true;   // whoever runs the torture decides that at its end
        var field = new TortureField(pair, options, log);
        try
        {
            log.Say("two sites are up and paired; the line between their agents is ours");
            field.Vm = await pair.StartGuestAsync(TortureOptions.Guest, options.Workload, OracleBus.VirtioBlk,
                options.Disks, ct);
            await field.WatchGuestAsync(ct);
            await pair.ProtectAsync(field.Vm, ["--checkpoint-interval", "500ms", "--retention",
                $"{TortureOptions.Retention.TotalSeconds:0}s", "--outbox-mib", $"{TortureOptions.OutboxMiB}"], ct);
            log.Say($"guest {TortureOptions.Guest} writes to {options.Disks.Count} disks and is protected");
            return field;
        }
        catch
        {
            await field.DisposeAsync();
            throw;
        }
    }

    /// <summary>The reset button: the guest boots again in the same QEMU.</summary>
    public Task ResetGuestAsync(CancellationToken ct) => Vm.AskMonitorAsync("system_reset", null, ct);

    /// <summary>QEMU is killed and started again on the same disks: change maps are gone.</summary>
    public async Task LosePowerAsync(CancellationToken ct)
    {
        await Vm.KillAsync(ct);
        var options = Vm.Options;
        await Vm.DisposeAsync();
        Vm = await OracleVm.StartAsync(options, ct);
        await WatchGuestAsync(ct);
    }

    /// <summary>One question with a limit: who is asked may be hung or gone.</summary>
    public static async Task<T> AskAsync<T>(Func<CancellationToken, Task<T>> question, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(AskLimit);
        return await question(limit.Token);
    }

    public async ValueTask DisposeAsync()
    {
        Line.Conditions = LinkConditions.Good;
        if (Vm is not null) await Vm.DisposeAsync();
        await Pair.DisposeAsync();
        Lateness.Dispose();
        SourceAgent.Dispose();
        SourceController.Dispose();
        RecoveryController.Dispose();
    }

    // A reset must not end QEMU here.
    private async Task WatchGuestAsync(CancellationToken ct)
    {
        await Vm.AskMonitorAsync("set-action", new JsonObject { ["reboot"] = "reset" }, ct);
        Lateness.AlsoWatch(Vm.ProcessId);
    }
}
