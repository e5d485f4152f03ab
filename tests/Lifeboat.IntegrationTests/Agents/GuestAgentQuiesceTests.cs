// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Quiesce;
using Lifeboat.Agent.Watchdog;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Quiescing;
using Lifeboat.Testing.Oracle;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>Freezing a real guest: it comes back whoever forgets it.</summary>
public sealed class GuestAgentQuiesceTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-ga").FullName;
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(3));

    private CancellationToken Ct => _limit.Token;

    [Fact]
    public async Task A_guest_is_thawed_by_us_by_the_deadline_or_when_the_agent_is_dead()
    {
        await using var witness = new Witness(TimeProvider.System);
        witness.Listen("guest", Path.Combine(_directory, "wit.sock"));
        await using var vm = await StartGuestAsync();
        await witness.History.WaitForAcksAsync("guest", 10, Ct);
        await vm.WaitForGuestAgentAsync(Ct);
        using var page = HeartbeatPage.Open(Path.Combine(_directory, "heartbeat"));
        page.Register(ProcessIdentity.Current);
        var quiesce = Quiesce(page, new SourceInstance("guest", vm.QmpSocket, vm.GuestAgentSocket));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var deadMan = new DeadMan(page, TimeProvider.System, NullLogger<DeadMan>.Instance).RunAsync([], stop.Token);

        // By us, in time.
        var frozen = await quiesce.FreezeAsync("guest", TimeSpan.FromSeconds(20), Ct);
        Assert.Equal((true, Consistency.Application), (frozen.Frozen, frozen.Reached));
        Assert.True(await vm.Agent.IsFrozenAsync(Ct));
        Assert.True(await quiesce.ThawAsync("guest", Ct));
        Assert.Empty(page.Freezes());

        // By the dead man at the deadline; the late thaw says that it was late.
        Assert.True((await quiesce.FreezeAsync("guest", TimeSpan.FromSeconds(6), Ct)).Frozen);
        await UntilThawedAsync(vm);
        Assert.False(await quiesce.ThawAsync("guest", Ct));

        // By the dead man because the agent is gone, long before the deadline.
        Assert.True((await quiesce.FreezeAsync("guest", TimeSpan.FromMinutes(2), Ct)).Frozen);
        page.Register(ProcessIdentity.Current with { StartTicks = 1 });
        await UntilThawedAsync(vm);

        await witness.History.WaitForAcksAsync("guest", 10, Ct);
        await stop.CancelAsync();
        await deadMan;
        await AssertTheTimerInTheGuestIsEnoughAsync(vm, witness);
    }

    // Nobody is left on the host: a script ran before the freeze, and the guest goes on by itself.
    private async Task AssertTheTimerInTheGuestIsEnoughAsync(OracleVm vm, Witness witness)
    {
        var script = new Dictionary<string, string>
        {
            ["quiesce"] = "id -u; touch /run/rests", ["thaw"] = "rm /run/rests",
        };
        var timer = new Dictionary<string, string> { ["guest-timer"] = "yes" };
        var steps = new InstanceQuiesce(QuiesceProviders.Shipped(),
            new QuiesceTarget("guest", vm.GuestAgentSocket, _directory, TimeProvider.System),
            [
                new QuiesceStep { Provider = QuiesceStep.GuestScript, Settings = script },
                new QuiesceStep { Provider = QuiesceStep.GuestAgent, Settings = timer },
            ]);
        var deadline = TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(2);
        var outcome = await steps.QuiesceAsync(Guid.NewGuid(), TimeSpan.FromSeconds(10), deadline, false, Ct);
        Assert.True(outcome.Reached == Consistency.Application, string.Join('\n', outcome.Steps));
        Assert.Equal("quiesce ended with exit code 0: 0", outcome.Steps[0].Text);
        Assert.Contains("a timer in the guest", outcome.Steps[1].Text, StringComparison.Ordinal);

        await witness.History.WaitForAcksAsync("guest", 10, Ct);
        var thawed = await steps.ThawAsync(Guid.NewGuid(), deadline, Ct);

        Assert.False(thawed.Held);
        Assert.Equal(0, (await vm.Agent.RunAsync("/bin/sh", ["-c", "[ ! -e /run/rests ]"], Limit, Ct)).ExitCode);
    }

    [Fact]
    public async Task A_guest_without_an_agent_that_answers_is_left_as_it_is()
    {
        using var page = HeartbeatPage.Open(Path.Combine(_directory, "heartbeat"));
        var quiesce = Quiesce(page,
            new SourceInstance("none", "", null), new SourceInstance("gone", "", "/nonexistent/ga.sock"));

        Assert.False((await quiesce.FreezeAsync("none", TimeSpan.FromSeconds(5), Ct)).Frozen);
        Assert.False((await quiesce.FreezeAsync("gone", TimeSpan.FromSeconds(5), Ct)).Frozen);
        Assert.True(await quiesce.ThawAsync("gone", Ct));
        Assert.Empty(page.Freezes());
    }

    public void Dispose()
    {
        _limit.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private SourceQuiesce Quiesce(HeartbeatPage page, params SourceInstance[] instances)
    {
        var spec = new SourceSpec
        {
            Group = "g", RecoverySite = "b", Epoch = Epoch.First, Target = "", Volumes = [], Instances = instances,
            Policy = Policy.Default,
        };
        return new SourceQuiesce(() => spec, new WatchedQuiesces(QuiesceProviders.Shipped(), page, _directory,
            Path.Combine(_directory, "tickets"), TimeProvider.System));
    }

    private async Task UntilThawedAsync(OracleVm vm)
    {
        while (await vm.Agent.IsFrozenAsync(Ct)) await Task.Delay(100, Ct);
    }

    private async Task<OracleVm> StartGuestAsync()
    {
        var disks = await OracleDisk.CreateAllAsync(_directory, 64 << 20, [OracleFileSystem.Ext4], Ct);
        return await OracleVm.StartAsync(new OracleVmOptions
        {
            Name = "guest", Directory = _directory, Disks = disks, Bus = OracleBus.VirtioBlk,
            WitnessSocket = Path.Combine(_directory, "wit.sock"), Guest = await OracleGuest.BuildAsync(Ct),
        }, Ct);
    }
}
