// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Policies;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>A replica whose base images are qcow2 behind QEMU's storage daemon.</summary>
public sealed class QcowReplicaTests : TwoAgents
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task History_is_folded_into_it_whoever_of_the_processes_is_killed_and_it_leaves_nothing()
    {
        var configuration = SiteConfiguration.Read(B.Paths.Root) with { ReplicaFormat = "qcow2" };
        await File.WriteAllTextAsync(
            B.Paths.Configuration, JsonSerializer.Serialize(configuration, ContractJson.Options), None);
        await using var vm = await ProtectedQemu.StartAsync(1);
        await vm.Qemu.WriteAsync(0, 0x41, 3 << 20, 5 << 20);
        await B.Client.PutReplicaAsync(
            vm.ReplicaSpec(A.Name) with { Retention = Retention.All(TimeSpan.FromSeconds(10)) }, None);
        await A.Client.PutSourceAsync(vm.SourceSpec(B.Name, B.LinkAddress), None);
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
        await UntilFoldedAsync();

        using (var daemon = Process.GetProcessById(Daemon())) daemon.Kill();
        await vm.Qemu.WriteAsync(0, 0x42, 4 << 20, 2 << 20);
        await vm.AssertPointIsTheDisksAsync(A, B);
        await UntilFoldedAsync();
        await B.StopAsync();
        await B.StartAsync();
        await vm.AssertPointIsTheDisksAsync(A, B);
        Assert.Empty((await B.Client.ReplicaAsync(ProtectedQemu.Group, None)).Damages);

        var last = Daemon();
        await B.Client.DeleteReplicaAsync(ProtectedQemu.Group, None);
        Assert.False(Directory.Exists($"/proc/{last}"), "the daemon is still there");
    }

    private int Daemon() =>
        int.Parse(File.ReadAllText(Assert.Single(Directory.GetFiles(B.Paths.Run, "base-*.pid"))));

    private async Task UntilFoldedAsync()
    {
        var wanted = (await B.Client.ReplicaAsync(ProtectedQemu.Group, None)).DurableSequence;
        var started = TimeProvider.System.GetTimestamp();
        while ((await B.Client.ReplicaAsync(ProtectedQemu.Group, None)) is var now && now.FoldedSequence < wanted)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Limit,
                $"not folded: {now.FoldedSequence} of {wanted}, {now.Reason} {now.Detail}");
            await Task.Delay(100, None);
        }
    }
}
