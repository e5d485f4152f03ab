// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Backups;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Tests.Controller.Backups;

public sealed class BackupChainsTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly IReadOnlySet<Guid> NoPins = new HashSet<Guid>();

    [Fact]
    public void The_first_backup_is_full_and_the_next_ones_build_on_each_other_until_the_chain_is_long_enough()
    {
        var points = new List<BackupPoint>();
        var parents = new List<string?>();
        for (var i = 0; i < 2 * BackupChains.IncrementsMax + 2; i++)
        {
            var parent = BackupChains.Parent(points, "a", "v1");
            parents.Add(parent);
            points.Add(Point(i, ("v1", $"b{i}", parent)));
        }
        Assert.Null(parents[0]);
        Assert.Equal("b0", parents[1]);
        Assert.Equal("b5", parents[BackupChains.IncrementsMax]);
        Assert.Null(parents[BackupChains.IncrementsMax + 1]);
        Assert.Equal("b7", parents[BackupChains.IncrementsMax + 2]);
    }

    [Fact]
    public void Nothing_builds_on_what_the_other_cloud_does_not_know_or_another_site_made()
    {
        var whole = Point(0, ("v1", "b0", null));
        Assert.Equal("b0", BackupChains.Parent([whole, Point(1, ("v1", "b1", "b0")) with
        {
            Phase = BackupPhase.Carrying,
        }], "a", "v1"));
        Assert.Null(BackupChains.Parent([whole], "b", "v1"));
        Assert.Null(BackupChains.Parent([whole], "a", "v2"));
        // Its full backup was removed by somebody.
        Assert.Null(BackupChains.Parent([Point(1, ("v1", "b1", "b0"))], "a", "v1"));
    }

    [Fact]
    public void A_point_that_is_built_on_stays_as_long_as_what_builds_on_it()
    {
        BackupPoint[] points =
        [
            Point(0, ("v1", "a0", null), ("v2", "c0", null)), Point(1, ("v1", "a1", "a0"), ("v2", "c1", null)),
            Point(2, ("v1", "a2", null), ("v2", "c2", "c1")), Point(3, ("v1", "a3", "a2"), ("v2", "c3", null)),
        ];
        // Of the last point only, which needs 2; and 2 needs 1 by its other volume; and that 0.
        Assert.Empty(Removable(points, TimeSpan.FromMinutes(1)));
        // With one more that is full nothing of the old chain is needed, and the newest goes first.
        Assert.Equal([3L, 2, 1, 0], Removable([.. points, Point(4, ("v1", "a4", null), ("v2", "c4", null))],
            TimeSpan.FromMinutes(1)));
        // The third is not too old, and needs the two before it.
        Assert.Empty(Removable([.. points[..3], Full(5), Full(6)], TimeSpan.FromHours(4)));
    }

    [Fact]
    public void What_is_pinned_here_or_there_or_still_under_way_holds_its_chain()
    {
        BackupPoint[] points = [Full(0), Point(1, ("v1", "b1", "b0")), Full(2), Full(3)];
        Assert.Equal([2L, 1, 0], Removable(points, TimeSpan.FromMinutes(1)));
        Assert.Equal([2L], BackupChains.Removable(points, new HashSet<Guid> { points[1].Point.Id },
            Retention.All(TimeSpan.FromMinutes(1)), Start.AddDays(1)).Select(p => p.Point.Sequence));
        Assert.Equal([2L, 1], Removable([points[0] with { Pins = ["gold"] }, .. points[1..]], TimeSpan.FromMinutes(1)));
        var under = Point(4, ("v1", "b4", "b3")) with { Phase = BackupPhase.Copying };
        Assert.Equal([2L, 1, 0], Removable([.. points, under], TimeSpan.FromMinutes(1)));
        Assert.Equal([2L], Removable([.. points[..3], under with
        {
            Backups = [new VolumeBackup("books.v1", "v1", "b4", "b1", 1, "", "", null)],
        }, points[3]], TimeSpan.FromMinutes(1)));
    }

    private static IEnumerable<long> Removable(IReadOnlyList<BackupPoint> points, TimeSpan kept) =>
        BackupChains.Removable(points, NoPins, Retention.All(kept), Start.AddDays(1)).Select(p => p.Point.Sequence);

    private static BackupPoint Full(int hour) => Point(hour, ("v1", $"b{hour}", null));

    private static BackupPoint Point(int hour, params (string Volume, string Id, string? Parent)[] backups) => new()
    {
        Group = "books",
        Site = "a",
        Phase = BackupPhase.Whole,
        Point = new RecoveryPoint(Guid.NewGuid(), hour, Epoch.First, Start.AddHours(hour), Consistency.Crash,
            PointState.Open, null, null, new Dictionary<string, Consistency>()),
        Backups =
        [
            .. backups.Select(b => new VolumeBackup($"books.{b.Volume}", b.Volume, b.Id, b.Parent, 1, "", "", null)),
        ],
    };
}
