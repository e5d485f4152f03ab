// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Moments;
using Lifeboat.Replication.Moments.Snapshots;
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Tests.Replication;

/// <summary>
/// Moments by snapshots: what is read of them makes the replica the disk, wherever the agent was killed.
/// </summary>
public sealed class SnapshotMomentTests
{
    private const int Sectors = 64;
    private const int BlockSectors = 8;
    private static readonly CancellationToken Ct = CancellationToken.None;
    private static readonly Guid Replica = Guid.Parse("12345678-0000-0000-0000-000000000000");
    private readonly GuestDisk[] _disks = [NewDisk(0), NewDisk(1)];
    private readonly byte[][] _replica = [new byte[Sectors * 512], new byte[Sectors * 512]];
    private long _writes;
    private int _steps, _cutAt = int.MaxValue;

    [Fact]
    public async Task Cut_off_at_any_step_nothing_is_missed_and_nothing_is_left_behind()
    {
        var cut = 0;
        for (var last = false; !last; cut++)
        {
            var test = new SnapshotMomentTests { _cutAt = cut };
            await test.StoryAsync();
            last = test._steps <= cut;
        }
        // So many places there are at least in a story of three moments of two disks.
        Assert.InRange(cut, 50, 1000);
    }

    [Fact]
    public async Task What_was_read_of_a_moment_that_was_given_up_and_is_gone_since_is_in_the_next_difference()
    {
        await MomentAsync(Tap());
        Write(0, 3, zero: false);
        await using (var tap = Tap()) await ApplyAsync(await tap.TakeAsync(Replica, Ct));
        Write(0, 3, zero: true);   // as it was at the base
        await MomentAsync(Tap());
        AssertReplicaIsDisks();
    }

    [Fact]
    public async Task Only_what_changed_is_listed_and_a_moment_that_nobody_read_leaves_no_snapshot()
    {
        await using var tap = Tap();
        await MomentAsync(tap);
        for (var again = 0; again < 5; again++) Write(1, 2, zero: false);
        _ = await tap.TakeAsync(Replica, Ct);
        var moment = await tap.TakeAsync(Replica, Ct);
        Assert.Equal(2, _disks[0].Snapshots.Count);
        Assert.All(moment.Volumes, v => Assert.Equal(GapKind.Known, v.Changes.Kind));
        var listed = await Task.WhenAll(moment.Volumes.Select(async v =>
            (await v.Image.GapAsync(v.Changes, 0, v.SizeBytes, Ct)).Sum(e => e.Length)));
        Assert.Equal([0, 4096], listed);
    }

    [Fact]
    public async Task After_many_moments_that_were_given_up_all_is_compared()
    {
        await MomentAsync(Tap());
        for (var given = 0; given < SnapshotMomentTap.OpenMax; given++)
        {
            Write(0, given % 4, zero: given % 2 == 1);
            await using var tap = Tap();
            await ApplyAsync(await tap.TakeAsync(Replica, Ct));
        }
        await using var next = Tap();
        var moment = await next.TakeAsync(Replica, Ct);
        Assert.All(moment.Volumes, v => Assert.Equal(GapKind.Allocation, v.Changes.Kind));
        Assert.Single(_disks[0].Snapshots);
        await ApplyAsync(moment);
        AssertReplicaIsDisks();
    }

    [Fact]
    public async Task Another_replica_begins_anew_and_snapshots_of_others_are_left_alone()
    {
        _disks[0].Snapshots.Add("nightly", _disks[0].Snapshot());
        await MomentAsync(Tap());
        await using var tap = Tap();
        var moment = await tap.TakeAsync(Guid.NewGuid(), Ct);
        Assert.All(moment.Volumes, v => Assert.Equal(GapKind.Allocation, v.Changes.Kind));
        await tap.UninstallAsync(Ct);
        Assert.Equal(["nightly"], _disks[0].Snapshots.Keys);
        Assert.Empty(_disks[1].Snapshots);
    }

    [Fact]
    public async Task A_moment_that_is_let_go_of_cannot_be_read_and_stays_in_the_next_one()
    {
        await using var tap = Tap();
        await MomentAsync(tap);
        Write(0, 5, zero: false);
        var moment = await tap.TakeAsync(Replica, Ct);
        tap.LetGo();
        await Assert.ThrowsAsync<TapException>(async () => await ApplyAsync(moment));
        await MomentAsync(tap);
        AssertReplicaIsDisks();
    }

    [Theory]
    [InlineData("lifeboat-12345678-5", true)]
    [InlineData("lifeboat-12345678-5-open", true)]
    [InlineData("lifeboat-1234567-5", false)]
    [InlineData("lifeboat-12345678-", false)]
    [InlineData("lifeboat-1234567g-5", false)]
    [InlineData("lifeboat-open", false)]
    [InlineData("nightly", false)]
    public void Names_of_ours_are_told_from_others(string name, bool ours)
    {
        Assert.Equal(ours, SnapshotName.TryRead(name) is not null);
        if (SnapshotName.TryRead(name) is { } read) Assert.Equal(name, read.ToString());
    }

    // Three moments; of the second one a part is read, then the agent is killed. Whatever throws is a kill as well.
    private async Task StoryAsync()
    {
        Write(0, 1, zero: false);
        await UntilDoneAsync(MomentAsync);
        Write(0, 2, zero: false);
        Write(1, 2, zero: false);
        Write(0, 1, zero: true);
        await UntilDoneAsync(async tap => await ApplyAsync(await tap.TakeAsync(Replica, Ct), volumes: 1));
        Write(0, 2, zero: true);
        Write(1, 6, zero: false);
        await UntilDoneAsync(MomentAsync);
        AssertReplicaIsDisks();
        Assert.All(_disks, d => Assert.Matches("^lifeboat-12345678-[0-9]+$", Assert.Single(d.Snapshots.Keys)));
    }

    private async Task UntilDoneAsync(Func<SnapshotMomentTap, Task> run)
    {
        while (true)
        {
            await using var tap = Tap();
            try
            {
                await run(tap);
                return;
            }
            catch (TapException) when (_steps > _cutAt)
            {
                // Killed here; the next one goes on with what it left.
            }
        }
    }

    private async Task MomentAsync(SnapshotMomentTap tap)
    {
        var moment = await tap.TakeAsync(Replica, Ct);
        await ApplyAsync(moment);
        await moment.CloseAsync(Ct);
        await moment.ForgetAsync(Ct);
    }

    // As the engine does: what changed, or all of it when that is not known.
    private async Task ApplyAsync(IMoment moment, int volumes = 2)
    {
        foreach (var volume in moment.Volumes.Take(volumes))
        {
            var all = new GapExtent[] { new(0, volume.SizeBytes, false) };
            var extents = volume.Changes.Kind == GapKind.Allocation ? all
                : await volume.Image.GapAsync(volume.Changes, 0, volume.SizeBytes, Ct);
            foreach (var extent in extents)
            {
                var part = _replica[volume.Index].AsMemory((int)extent.Offset, (int)extent.Length);
                if (extent.Zero) part.Span.Clear();
                else await volume.Image.ReadAsync(extent.Offset, part, Ct);
            }
        }
    }

    private void AssertReplicaIsDisks()
    {
        foreach (var disk in _disks)
        {
            var content = new byte[disk.SizeBytes];
            disk.Read(0, content);
            Assert.True(content.AsSpan().SequenceEqual(_replica[disk.Index]), $"{disk.Name} differs");
        }
    }

    private void Write(int disk, int block, bool zero) => _disks[disk].Apply(
        new GuestWrite(++_writes, disk, block * BlockSectors, BlockSectors, zero, 0), BlockSectors);

    private SnapshotMomentTap Tap() => new(new SimulatedDiskSnapshots(_disks, _ =>
    {
        if (_steps++ == _cutAt) throw new TapException(TapFault.Refused, "killed here");
        return Task.CompletedTask;
    }, (action, _) =>
    {
        action();
        return Task.CompletedTask;
    }, TimeProvider.System));

    private static GuestDisk NewDisk(int index) => new(index, $"disk{index}", new long[Sectors]);
}
