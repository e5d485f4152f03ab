// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Contracts.Agents;
using Lifeboat.IntegrationTests.Capture;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>Hundreds of volumes at one agent: what that takes of descriptors, threads and memory is printed.</summary>
public sealed class ManyDisksTests(ITestOutputHelper output) : TwoAgents
{
    private const int Instances = 20, DisksEach = 10;
    private const long DiskBytes = 1 << 20;
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Two_hundred_volumes_of_one_agent_stream_and_every_one_is_its_point()
    {
        var before = Usage.Now();
        var machines = new List<BareQemu>();
        try
        {
            for (var i = 0; i < Instances; i++)
            {
                var directory = Directory.CreateTempSubdirectory("lb-many").FullName;
                machines.Add(await BareQemu.StartAsync(directory, DisksEach, DiskBytes, scsi: true));
                await ProtectAsync($"g{i}", machines[i]);
            }
            for (var i = 0; i < Instances; i++)
                for (var disk = 0; disk < DisksEach; disk++)
                    await machines[i].WriteAsync(disk, Pattern(i, disk), 4096, 512);
            for (var i = 0; i < Instances; i++) await CheckAsync($"g{i}", i);
            var now = Usage.Now();
            output.WriteLine($"{Instances * DisksEach} volumes in {Instances} groups, both agents in this process: "
                + $"{now.Descriptors - before.Descriptors} descriptors, {now.Threads - before.Threads} threads, "
                + $"{(now.Resident - before.Resident) >> 20} MiB resident more");
            Assert.InRange(now.Descriptors - before.Descriptors, 0, 20 * Instances * DisksEach);
            Assert.InRange(now.Threads - before.Threads, 0, 4 * Instances * DisksEach);
        }
        finally
        {
            foreach (var machine in machines)
            {
                await machine.DisposeAsync();
                Directory.Delete(machine.Directory, recursive: true);
            }
        }
    }

    private async Task ProtectAsync(string group, BareQemu qemu)
    {
        await B.Client.PutReplicaAsync(new ReplicaSpec
        {
            Group = group, PrimarySite = A.Name, Epoch = Epoch.First, Retention = TimeSpan.FromHours(1),
            Volumes = [.. Enumerable.Range(0, DisksEach)
                .Select(d => new ReplicaVolume((ushort)d, $"vm.disk{d}", DiskBytes))],
        }, None);
        await A.Client.PutSourceAsync(new SourceSpec
        {
            Group = group, RecoverySite = B.Name, Epoch = Epoch.First, Target = B.LinkAddress,
            Volumes = [.. Enumerable.Range(0, DisksEach).Select(d =>
                new SourceVolume((ushort)d, $"vm.disk{d}", "vm", qemu.QmpSocket, $"front{d}", DiskBytes))],
            Instances = [new SourceInstance("vm", qemu.QmpSocket, null)],
            Policy = Policy.Default with { CheckpointInterval = TimeSpan.FromSeconds(30) },
        }, None);
    }

    private async Task CheckAsync(string group, int instance)
    {
        var started = TimeProvider.System.GetTimestamp();
        while ((await A.Client.SourceAsync(group, None)).Phase != SourcePhase.Streaming)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromMinutes(2), $"{group} streams");
            await Task.Delay(100);
        }
        var made = await A.Client.CheckpointAsync(
            group, new CheckpointRequest(false, false, null, TimeSpan.FromSeconds(60)), None);
        Assert.True(made.Sealed);
        var view = await B.Client.OpenViewAsync(group, new ViewRequest("look", made.Point.Id, null, false), None);
        Assert.Equal(DisksEach, view.Volumes.Count);
        foreach (var volume in view.Volumes)
        {
            var content = await ProtectedQemu.ReadAsync(volume);
            Assert.Equal(Pattern(instance, volume.Index), content[4096 + 511]);
            Assert.Equal(0, content[4096 + 512]);
        }
        await B.Client.CloseViewAsync(group, "look", None);
    }

    private static byte Pattern(int instance, int disk) => (byte)(1 + (instance * DisksEach + disk) % 250);

    private sealed record Usage(int Descriptors, int Threads, long Resident)
    {
        public static Usage Now()
        {
            using var self = Process.GetCurrentProcess();
            return new Usage(Directory.GetFiles("/proc/self/fd").Length, self.Threads.Count, self.WorkingSet64);
        }
    }
}
