// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Watchdog;
using Lifeboat.Contracts.Agents;
using Lifeboat.IntegrationTests.Capture;
using Lifeboat.Testing;
using Lifeboat.Testing.Field;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>The source's agent is a process of its own, watched by a watchdog inside the test.</summary>
public sealed class WatchdogTests : IAsyncLifetime
{
    private static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(1);

    private readonly AgentSite _a = new("site-a");
    private readonly AgentSite _b = new("site-b");
    private readonly CancellationTokenSource _stop = new();
    private Task _watching = Task.CompletedTask;

    public async ValueTask InitializeAsync()
    {
        AgentSite.Pair(_a, _b);
        await _b.StartAsync();
        var launcher = new Launcher("dotnet", [Path.Combine(AppContext.BaseDirectory, "lifeboat.dll")]);
        _watching = WatchdogHost.RunAsync(_a.Paths.Root, launcher, [SiteRole.Agent], _stop.Token);
        await _a.WaitUpAsync(() => _watching);
    }

    public async ValueTask DisposeAsync()
    {
        await _a.WaitUpAsync(() => _watching);   // an agent that just starts has no pid file to be killed by
        await _stop.CancelAsync();
        await _watching;
        if (PidFile.Find(_a.Paths, SiteRole.Agent) is { } agent) Signals.KillAtOnce(agent);
        await _a.DisposeAsync();
        await _b.DisposeAsync();
        _stop.Dispose();
    }

    [Theory]
    [InlineData(9, 0)]      // SIGKILL
    [InlineData(19, 150)]   // SIGSTOP: the write that waits is freed by the watchdog and not before
    public async Task A_lost_agent_costs_a_short_stall_and_the_changed_extents(int signal, int leastStallMilliseconds)
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        await vm.Qemu.WriteAsync(0, 0x11, 0, 16 << 20);
        await vm.ProtectAsync(_a, _b);
        await vm.AssertPointIsTheDisksAsync(_a, _b);
        var agent = PidFile.Find(_a.Paths, SiteRole.Agent)!.Value;

        using var enough = new CancellationTokenSource();
        using var machine = LatenessOf(vm.Qemu);
        var writing = WriteAsync(vm.Qemu, machine, enough.Token);
        await Task.Delay(300);
        Signals.Send(agent, signal);
        await Task.Delay(1500);
        await enough.CancelAsync();
        var (longest, ours, written) = await writing;

        Assert.True(longest.TotalMilliseconds >= leastStallMilliseconds, $"{longest.TotalMilliseconds} ms");
        Assert.True(ours < StallLimit, $"a write waited {longest.TotalMilliseconds} ms, {ours.TotalMilliseconds} ours");
        Assert.False(agent.IsAlive);
        await _a.WaitUpAsync(() => _watching);
        var status = await ProtectedQemu.WaitAsync(_a, s => s.Phase == SourcePhase.Streaming);
        Assert.Equal(ResyncKind.ChangeMap, status.LastResync);
        Assert.True(status.ResyncMovedBytes <= written + (64 << 10), $"{status.ResyncMovedBytes} of {written} moved");
        await vm.AssertPointIsTheDisksAsync(_a, _b);
        TestContext.Current.SendDiagnosticMessage(
            $"signal {signal}: stall {longest.TotalMilliseconds:0} ms, of which not the machine's at most "
            + $"{ours.TotalMilliseconds:0} ms; {status.ResyncMovedBytes} of {written} moved");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Killed_again_and_again_in_whatever_it_does_it_loses_nothing(ulong seed)
    {
        var chance = new Prng(seed);
        await using var vm = await ProtectedQemu.StartAsync(2);
        await vm.Qemu.WriteAsync(0, 0x11, 0, 4 << 20);
        await vm.ProtectAsync(_a, _b);
        using var enough = new CancellationTokenSource();
        using var machine = LatenessOf(vm.Qemu);
        var writing = WriteAsync(vm.Qemu, machine, enough.Token);

        for (var kills = 0; kills < 7; kills++)
        {
            ProcessIdentity? agent;
            while ((agent = PidFile.Find(_a.Paths, SiteRole.Agent)) is null) await Task.Delay(20);
            await _a.WaitUpAsync(() => _watching);   // it attaches within the next moments
            await Task.Delay(chance.Next(600));
            Signals.KillAtOnce(agent.Value);
            while (agent.Value.IsAlive) await Task.Delay(5);
        }

        await enough.CancelAsync();
        var (longest, ours, _) = await writing;
        Assert.True(ours < StallLimit, $"a write waited {longest.TotalMilliseconds} ms, {ours.TotalMilliseconds} ours");
        await _a.WaitUpAsync(() => _watching);
        await ProtectedQemu.WaitAsync(_a, s => s.Phase == SourcePhase.Streaming);
        await vm.AssertPointIsTheDisksAsync(_a, _b);
        await _a.Client.DeleteSourceAsync(ProtectedQemu.Group, uninstall: true, CancellationToken.None);
        Assert.Empty(await vm.Qemu.TracesAsync());
    }

    private static MachineLateness LatenessOf(BareQemu qemu)
    {
        var machine = new MachineLateness(TimeProvider.System);
        machine.AlsoWatch(qemu.ProcessId);
        machine.AlsoWatchTasks();
        return machine;
    }

    // As a guest that writes one block after the other: the longest write is the stall, and what the machine was late
    // by meanwhile is not ours.
    private static async Task<(TimeSpan Longest, TimeSpan Ours, long Written)> WriteAsync(
        BareQemu qemu, MachineLateness machine, CancellationToken enough)
    {
        var (longest, ours, blocks) = (TimeSpan.Zero, TimeSpan.Zero, 0);
        while (!enough.IsCancellationRequested)
        {
            var (began, since) = (TimeProvider.System.GetTimestamp(), TimeProvider.System.GetUtcNow());
            await qemu.WriteAsync(0, (byte)(blocks + 1), (20L << 20) + blocks % 1024 * 4096, 4096);
            var took = TimeProvider.System.GetElapsedTime(began);
            var left = took - machine.Within(since, since + took);
            if (took > longest) longest = took;
            if (left > ours) ours = left;
            blocks++;
        }
        return (longest, ours, Math.Min(blocks, 1024) * 4096L);
    }
}
