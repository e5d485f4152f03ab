// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Quiesce;
using Lifeboat.Agent.Watchdog;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing.Oracle;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>Freezing a real guest: it comes back whoever forgets it.</summary>
public sealed class GuestAgentQuiesceTests : IDisposable
{
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
        var quiesce = new GuestAgentQuiesce(
            [new SourceInstance("guest", vm.QmpSocket, vm.GuestAgentSocket)], page, TimeProvider.System);
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
    }

    [Fact]
    public async Task A_guest_without_an_agent_that_answers_is_left_as_it_is()
    {
        using var page = HeartbeatPage.Open(Path.Combine(_directory, "heartbeat"));
        var quiesce = new GuestAgentQuiesce(
            [new SourceInstance("none", "", null), new SourceInstance("gone", "", "/nonexistent/ga.sock")], page,
            TimeProvider.System);

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
