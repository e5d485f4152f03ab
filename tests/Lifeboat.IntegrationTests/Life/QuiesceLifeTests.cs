// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Life;

/// <summary>A real guest that is brought to rest with the command, and goes on whoever dies.</summary>
[Collection(LifeCollection.Name)]
public sealed class QuiesceLifeTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(8);

    [Fact]
    public async Task A_guest_held_by_request_goes_on_when_controller_and_agent_are_killed()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var pair = await FieldPair.StartAsync(ct);
        await using var vm = await pair.StartGuestAsync("erp", OracleWorkload.Default, OracleBus.VirtioBlk,
            [(48L << 20, OracleFileSystem.Ext4)], ct);
        await pair.A.MustAsync(["instance", "adopt", "erp", "--qmp", vm.QmpSocket, "--guest-agent",
            vm.GuestAgentSocket], ct);
        await vm.WaitForGuestAgentAsync(ct);

        // Held, refused to a second, thawed twice.
        var held = await pair.A.AskAsync<QuiesceInfo>(["instance", "quiesce", "erp", "--limit", "20s"], ct);
        Assert.Equal((true, Consistency.Application), (held.Held, held.Reached));
        Assert.True(await vm.Agent.IsFrozenAsync(ct));
        Assert.Equal(ReasonCode.QuiesceFailed, (await pair.A.RunAsync(["instance", "quiesce", "erp"], ct)).Reason);
        var thawed = await pair.A.AskAsync<QuiesceInfo>(["instance", "thaw", "erp", "--id", $"{held.Id}"], ct);
        Assert.True(thawed.Held, string.Join('\n', thawed.Members[0].Evidence));
        Assert.Contains("hooks: 10-oracle=0", thawed.Members[0].Evidence[0], StringComparison.Ordinal);
        Assert.Equal(thawed.EndedAt, (await pair.A.AskAsync<QuiesceInfo>(
            ["instance", "thaw", "erp", "--id", $"{held.Id}"], ct)).EndedAt);
        await pair.Witness.History.WaitForAcksAsync("erp", 5, ct);

        // Nobody thaws: the deadline does. Then everybody is killed but the watchdog.
        await pair.A.MustAsync(["instance", "quiesce", "erp", "--limit", "2s"], ct);
        await UntilThawedAsync(vm, Limit, pair.Time, ct);
        await pair.A.MustAsync(["instance", "quiesce", "erp", "--limit", "5m"], ct);
        pair.A.Kill("controller");
        pair.A.Kill("agent");
        await UntilThawedAsync(vm, Limit, pair.Time, ct);
        await pair.Witness.History.WaitForAcksAsync("erp", 5, ct);
        Assert.Empty(pair.Witness.History.Complaints("erp"));
    }

    private static async Task UntilThawedAsync(OracleVm vm, TimeSpan limit, TimeProvider time, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (await vm.Agent.IsFrozenAsync(ct))
        {
            Assert.True(time.GetElapsedTime(start) < limit, "the guest is still frozen");
            await Task.Delay(TimeSpan.FromMilliseconds(100), time, ct);
        }
    }
}
