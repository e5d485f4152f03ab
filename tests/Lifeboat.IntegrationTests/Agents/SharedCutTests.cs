// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Controller.Applications;
using Lifeboat.IntegrationTests.Capture;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>
/// Two groups at two agents, recovered to two sites, as hosts of one application: each number is written to one
/// instance
/// only after the other has acknowledged the number before it. So whatever moment is cut, the newest numbers of the two
/// differ by one.
/// </summary>
public sealed class SharedCutTests : IAsyncLifetime
{
    private const long DiskBytes = 16 << 20;
    private readonly AgentSite[] _hosts = [new("a1"), new("a2")];
    private readonly AgentSite[] _recoveries = [new("b1"), new("b2")];
    private readonly List<BareQemu> _instances = [];

    public async ValueTask InitializeAsync()
    {
        for (var i = 0; i < 2; i++)
        {
            AgentSite.Pair(_hosts[i], _recoveries[i]);
            await _hosts[i].StartAsync();
            await _recoveries[i].StartAsync();
            _instances.Add(await BareQemu.StartAsync(
                Directory.CreateTempSubdirectory("lb-vm").FullName, disks: 1, DiskBytes));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var site in _hosts.Concat(_recoveries)) await site.DisposeAsync();
        foreach (var instance in _instances)
        {
            await instance.DisposeAsync();
            Directory.Delete(instance.Directory, recursive: true);
        }
    }

    [Fact]
    public async Task A_shared_point_is_one_cut_over_agents_and_recovery_sites()
    {
        for (var i = 0; i < 2; i++) await ProtectAsync(i);
        using var enough = new CancellationTokenSource();
        var writing = WriteInTurnAsync(enough.Token);
        var checkpoint = new SharedCheckpoint(TimeProvider.System);
        ICutMember[] members = [.. _hosts.Select((h, i) => new AgentCutMember(h.Client, [Group(i)]))];
        var points = new List<Guid>();
        for (var tries = 0; points.Count < 8 && tries < 200; tries++)
        {
            try
            {
                var made = await checkpoint.TakeAsync(members, "shared", TimeSpan.FromSeconds(30), default);
                if (made.Sealed) points.Add(made.Point.Id);
            }
            catch (ProblemException e) when (e.Reason == ReasonCode.Timeout)
            {
                // Held for longer than the limit on a busy machine: abandoned, and no point.
            }
        }
        await enough.CancelAsync();
        var written = await writing;

        Assert.True(points.Count == 8, $"only {points.Count} shared points were made");
        Assert.True(written > points.Count, $"{written} numbers were written");
        foreach (var point in points)
        {
            var newest = await Task.WhenAll(NewestAsync(0, point), NewestAsync(1, point));
            Assert.True(Math.Abs(newest[0] - newest[1]) <= 1, $"{newest[0]} and {newest[1]} are not of one moment");
        }
    }

    [Fact]
    public async Task A_coordinator_that_is_gone_holds_nothing_and_its_point_is_withdrawn()
    {
        await ProtectAsync(0);
        var client = _hosts[0].Client;
        var request = new SharedCutRequest(Guid.NewGuid(), [Group(0)], TimeProvider.System.GetUtcNow(), "lost");
        await client.ReserveCutAsync(request, CancellationToken.None);
        await client.HoldCutAsync(request.Id, CancellationToken.None);
        await _instances[0].WriteAsync(0, 0x11, 0, 4096); // waits for the hold limit, not for the coordinator

        var late = await client.CutAsync(request.Id, CancellationToken.None);

        Assert.False(late.Agreed);
        await client.SettleCutAsync(request.Id, new SettleRequest(false), CancellationToken.None);
        var next = await client.CheckpointAsync(Group(0),
            new CheckpointRequest(false, false, "next", TimeSpan.FromSeconds(30)), CancellationToken.None);
        Assert.True(next.Sealed);
        Assert.DoesNotContain(await _recoveries[0].Client.PointsAsync(Group(0), CancellationToken.None),
            p => p.Id == request.Id);
    }

    [Fact]
    public async Task A_line_says_why_what_was_asked_cannot_be_done_and_goes_on()
    {
        using var line = await _hosts[0].Client.OpenCutLineAsync(CancellationToken.None);

        line.Ask(CutVerb.Hold, Guid.NewGuid());
        Assert.Equal(ReasonCode.Timeout, Assert.Throws<ProblemException>(line.Answer).Reason);
        line.Ask((CutVerb)'x', Guid.NewGuid());
        Assert.Equal(ReasonCode.InvalidRequest, Assert.Throws<ProblemException>(line.Answer).Reason);
        await ProtectAsync(0);
        var request = new SharedCutRequest(Guid.NewGuid(), [Group(0)], TimeProvider.System.GetUtcNow(), "lined");
        await _hosts[0].Client.ReserveCutAsync(request, CancellationToken.None);
        line.Ask(CutVerb.Hold, request.Id);
        line.Answer();
        line.Ask(CutVerb.Cut, request.Id);
        line.Answer();

        var result = await _hosts[0].Client.CutAsync(request.Id, CancellationToken.None);
        Assert.NotNull(Assert.Single(result.Parts).Point);
        await _hosts[0].Client.SettleCutAsync(request.Id, new SettleRequest(false), CancellationToken.None);
    }

    private static string Group(int i) => $"g{i}";

    private async Task ProtectAsync(int i)
    {
        await _recoveries[i].Client.PutReplicaAsync(new ReplicaSpec
        {
            Group = Group(i),
            PrimarySite = _hosts[i].Name,
            Epoch = Epoch.First,
            Retention = TimeSpan.FromHours(1),
            Volumes = [new ReplicaVolume(0, "vm.disk0", DiskBytes)],
        }, CancellationToken.None);
        await _hosts[i].Client.PutSourceAsync(new SourceSpec
        {
            Group = Group(i),
            RecoverySite = _recoveries[i].Name,
            Epoch = Epoch.First,
            Target = _recoveries[i].LinkAddress,
            Volumes = [new SourceVolume(0, "vm.disk0", "vm", _instances[i].QmpSocket, "front0", DiskBytes)],
            Instances = [new SourceInstance("vm", _instances[i].QmpSocket, null)],
            Policy = Policy.Default with { CheckpointInterval = TimeSpan.FromSeconds(1) },
        }, CancellationToken.None);
        while ((await _hosts[i].Client.SourceAsync(Group(i), CancellationToken.None)).Phase != SourcePhase.Streaming)
            await Task.Delay(50);
    }

    // Number n is n/2 blocks into the disk of instance n % 2, and its block is full of the low byte of n.
    private async Task<long> WriteInTurnAsync(CancellationToken enough)
    {
        long n = 0;
        for (; !enough.IsCancellationRequested && n / 2 < DiskBytes / 4096; n++)
            await _instances[(int)(n % 2)].WriteAsync(0, (byte)(1 + n % 250), n / 2 * 4096, 4096);
        return n;
    }

    private async Task<long> NewestAsync(int i, Guid point)
    {
        var client = _recoveries[i].Client;
        var view = await client.OpenViewAsync(
            Group(i), new ViewRequest("look", point, null, false), CancellationToken.None);
        var disk = await ProtectedQemu.ReadAsync(view.Volumes[0]);
        await client.CloseViewAsync(Group(i), "look", CancellationToken.None);
        var blocks = 0;
        while (blocks < disk.Length / 4096 && BinaryPrimitives.ReadInt64LittleEndian(disk.AsSpan(blocks * 4096)) != 0)
            blocks++;
        return 2L * (blocks - 1) + i;
    }
}
