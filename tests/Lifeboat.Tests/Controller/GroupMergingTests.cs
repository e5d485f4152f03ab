// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Groups;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Instances;
using Lifeboat.Protection.Merging;
using Lifeboat.Protection.Policies;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Controller;

/// <summary>What two sites know of one group after they edited it apart, whatever they hear of each other.</summary>
public sealed class GroupMergingTests
{
    private static readonly string[] Sites = ["a", "b"];
    private static readonly DateTimeOffset At = DateTimeOffset.UnixEpoch;

    // Model: a value is there as long as no edit that knew of it gave the field another one, whatever epochs and
    // versions were made meanwhile.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Both_come_to_one_definition_with_every_edit_that_nobody_saw_and_replaced(ulong seed)
    {
        var prng = new Prng(seed);
        for (var world = 0; world < 150; world++)
        {
            var at = Sites.ToDictionary(s => s, _ => new GroupRecord(Group(), Removed: false));
            var knows = Sites.ToDictionary(s => s, _ => new HashSet<int>());
            var edits = new List<(string Field, string Value, HashSet<int> Knew)>();
            for (var step = 0; step < 25; step++)
            {
                var (one, other) = prng.Next(2) == 0 ? ("a", "b") : ("b", "a");
                var now = at[one].Definition;
                switch (prng.Next(8))
                {
                    case < 4:
                        var next = Change(now, (int)prng.Next(4), edits.Count + 1);
                        at[one] = new(Saved(now, next, one), Removed: false);
                        var field = GroupFields.NamesOf(now).Single(f => GroupFields.Of(now, f)
                            != GroupFields.Of(next, f));
                        edits.Add((field, GroupFields.Of(next, field)!, [.. knows[one]]));
                        knows[one].Add(edits.Count - 1);
                        break;
                    case 4 when now.PrimarySite == one: // As it is suspended, or its instance moves.
                        at[one] = new(now with { Version = now.Version + 1 }, Removed: false);
                        break;
                    case 5 when now.PrimarySite == other: // It fails over, and asks nobody.
                        at[one] = new(now with
                        {
                            Version = now.Version + 1, Epoch = now.Epoch.Next(),
                            PrimarySite = one, RecoverySite = other,
                        }, Removed: false);
                        break;
                    default:
                        at[one] = Told(at[one], at[other], one);
                        knows[one].UnionWith(knows[other]);
                        break;
                }
            }
            Level(at);
            var (a, b) = (at["a"].Definition, at["b"].Definition);
            Assert.Equal((a.Epoch, a.Version, a.PrimarySite), (b.Epoch, b.Version, b.PrimarySite));
            Assert.False(GroupMerging.HasNews(a, b) || GroupMerging.HasNews(b, a));
            foreach (var field in GroupFields.NamesOf(a))
            {
                Assert.Equal(GroupFields.Of(a, field), GroupFields.Of(b, field));
                var left = edits.Index().Where(e => e.Item.Field == field && !edits.Any(later => later.Field == field
                    && later.Knew.Contains(e.Index))).Select(e => e.Item.Value).Order().ToList();
                Assert.Equal(left, a.Edits!.EntriesOf(field).Select(e => e.Value).Order());
                Assert.Equal(a.Edits.EntriesOf(field), b.Edits!.EntriesOf(field));
                if (left.Count > 0) Assert.Contains(GroupFields.Of(a, field), left);
            }
        }
    }

    [Fact]
    public void What_runs_where_and_who_is_newer_decides_which_of_two_values_holds_meanwhile()
    {
        var (a, b) = (Saved(Group(), Rpo(Group(), 25), "a"), Saved(Group(), Rpo(Group(), 40), "b"));
        Assert.Equal((2, 1), (a.Version, b.Version));
        var at = Records(a, b);
        Level(at);
        Assert.All(at.Values, r => Assert.Equal(TimeSpan.FromSeconds(25), r.Definition.Policy.RpoTarget));
        var conflict = Assert.Single(GroupMerging.Conflicts(at["b"].Definition));
        Assert.Equal(("policy.rpoTarget", 2), (conflict.Field, conflict.Values.Count));
        // Somebody chooses at the recovery site: that knew both.
        var chosen = GroupFields.With(at["b"].Definition, [new("policy.rpoTarget", "\"00:00:40\"")]);
        at["b"] = new(Saved(at["b"].Definition, chosen, "b"), Removed: false);
        Level(at);
        Assert.All(at.Values, r => Assert.Equal(TimeSpan.FromSeconds(40), r.Definition.Policy.RpoTarget));
        Assert.Empty(GroupMerging.Conflicts(at["a"].Definition));
    }

    [Fact]
    public void Where_a_group_differs_from_the_policy_it_follows_is_merged_by_field()
    {
        var start = Group() with { Follows = new PolicyFollowing("gold", []) };
        GroupDefinition Own(GroupDefinition group, string field) =>
            group with { Follows = group.Follows! with { Own = [.. group.Follows.Own, field] } };
        var at = Records(Saved(start, Own(Rpo(start, 25), "rpoTarget"), "a"), Saved(start,
            Own(start with { Policy = start.Policy with { RtoTarget = TimeSpan.FromSeconds(60) } }, "rtoTarget"), "b"));
        Level(at);
        Assert.All(at.Values, r => Assert.Equal(["rpoTarget", "rtoTarget"], r.Definition.Follows!.Own.Order()));
        Assert.Empty(GroupMerging.Conflicts(at["a"].Definition));
    }

    [Fact]
    public void Sound_alone_and_not_together_changes_nothing_until_the_next_edit()
    {
        var (start, policy) = (Group(), Policy.Default);
        var at = Records(
            Saved(start, start with { Policy = policy with { Source = ChangeSource.Bitmap,
                RpoTarget = TimeSpan.FromMinutes(2) } }, "a"),
            Saved(start, start with { Policy = policy with { SharedInterval = TimeSpan.FromMinutes(1) } }, "b"));
        Level(at);
        Assert.All(at.Values, r =>
        {
            Assert.NotEmpty(GroupMerging.Faults(r.Definition));
            Assert.Equal((ChangeSource.Bitmap, null), (r.Definition.Policy.Source, r.Definition.Policy.SharedInterval));
        });
        at["a"] = new(Saved(at["a"].Definition, at["a"].Definition, "a"), Removed: false);
        Level(at);
        Assert.Empty(GroupMerging.Faults(at["b"].Definition));
    }

    [Fact]
    public void A_deletion_ends_what_nobody_edited_and_not_what_somebody_did()
    {
        var start = Group();
        foreach (var (deletes, edits) in new[] { ("a", "b"), ("b", "a") })
        {
            // Not edited: whatever else made versions there.
            var at = Records(start with { Version = 7 }, start with { Version = 7 });
            at[deletes] = Gone(start, deletes);
            Level(at);
            Assert.All(at.Values, r => Assert.True(r.Removed));
            // Edited, and known at both, also after more versions.
            at = Records(start, start);
            at[deletes] = Gone(start, deletes);
            at[edits] = new(Saved(start, Rpo(start, 40), edits), Removed: false);
            Level(at);
            at[edits] = at[edits] with { Definition = at[edits].Definition with { Version = 9 } };
            Level(at);
            Assert.Equal((true, false), (at[deletes].Removed, at[edits].Removed));
            Assert.All(at.Values, r => Assert.True(GroupMerging.IsSplit(r.Definition)));
            Assert.Equal(at[deletes].Definition.Version, at[edits].Definition.Version);
            // Another edit there does not hide it.
            at[edits] = new(Saved(at[edits].Definition, Rpo(at[edits].Definition, 50), edits), Removed: false);
            Level(at);
            Assert.Equal(GroupMerging.Deleted, Assert.Single(GroupMerging.Conflicts(at[edits].Definition)).Field);
            // Ended there too it is over, and made anew it knows nothing of that.
            at[edits] = Gone(at[edits].Definition, edits);
            Level(at);
            Assert.All(at.Values, r => Assert.False(!r.Removed || GroupMerging.IsSplit(r.Definition)));
            var anew = start with { Epoch = new Epoch(2), Edits = GroupMerging.Anew([.. at.Values], "a.x", At) };
            at["a"] = new(anew, Removed: false);
            Level(at);
            Assert.All(at.Values, r => Assert.True(!r.Removed && GroupMerging.Conflicts(r.Definition).Count == 0));
        }
    }

    [Fact]
    public void A_failover_of_what_the_left_site_deleted_goes_on_and_says_so()
    {
        var start = Group();
        var at = Records(start, start with
        {
            Version = 2, Epoch = new Epoch(2), PrimarySite = "b", RecoverySite = "a",
        });
        at["a"] = Gone(Saved(start, Rpo(start, 25), "a"), "a");
        Level(at);
        Assert.All(at.Values, r =>
        {
            Assert.False(r.Removed);
            Assert.Equal(GroupMerging.Deleted, Assert.Single(GroupMerging.Conflicts(r.Definition)).Field);
            Assert.Equal(TimeSpan.FromSeconds(25), r.Definition.Policy.RpoTarget);
        });
        at["b"] = new(Saved(at["b"].Definition, at["b"].Definition, "b"), Removed: false);
        Level(at);
        Assert.Empty(GroupMerging.Conflicts(at["a"].Definition));
    }

    [Fact]
    public void A_release_that_numbers_no_edits_edits_as_who_has_seen_everything()
    {
        var known = Saved(Group(), Rpo(Group(), 25), "a");
        var former = Rpo(known, 33) with { Version = known.Version + 5, Edits = null };
        var now = Told(new(known, Removed: false), new(former, Removed: false), "b").Definition;
        Assert.Equal((TimeSpan.FromSeconds(33), former.Version), (now.Policy.RpoTarget, now.Version));
        Assert.Empty(GroupMerging.Conflicts(now));
        Assert.False(GroupMerging.HasNews(known, now));
        // What it changed is news to a site that merges; what it did not is no edit.
        Assert.True(GroupMerging.HasNews(now, known));
        var same = Told(new(now, false), new(now with { Version = 20, Edits = null }, false), "b").Definition;
        Assert.Equal((20, now.Edits), (same.Version, same.Edits));
    }

    private static Dictionary<string, GroupRecord> Records(GroupDefinition a, GroupDefinition b) => new()
    {
        ["a"] = new(a, Removed: false), ["b"] = new(b, Removed: false),
    };

    // Each tells the other what it knows until neither has news; it must not take long.
    private static void Level(Dictionary<string, GroupRecord> at)
    {
        for (var round = 0; round < 4; round++)
        {
            at["a"] = Told(at["a"], at["b"], "a");
            at["b"] = Told(at["b"], at["a"], "b");
        }
        Assert.Null(GroupMerging.Learned(at["a"], at["b"], "a", "a.x", At));
        Assert.Null(GroupMerging.Learned(at["b"], at["a"], "b", "b.x", At));
    }

    private static GroupRecord Told(GroupRecord known, GroupRecord theirs, string here) =>
        GroupMerging.Learned(known, theirs, here, here + ".x", At) ?? known;

    private static GroupDefinition Saved(GroupDefinition now, GroupDefinition next, string here)
    {
        next = GroupMerging.Edited(now, next, [], here + ".x", At);
        return next.PrimarySite == here ? next with { Version = next.Version + 1 } : next;
    }

    private static GroupRecord Gone(GroupDefinition group, string here) => new(
        GroupMerging.Removed(group, here + ".x", At) with { Version = group.Version + 1 }, Removed: true);

    private static GroupDefinition Rpo(GroupDefinition group, int seconds) => group with
    {
        Policy = group.Policy with { RpoTarget = TimeSpan.FromSeconds(seconds) },
    };

    private static GroupDefinition Change(GroupDefinition group, int which, int value) => which switch
    {
        0 => Rpo(group, value),
        1 => group with { Checks = [$"boot:{value.ToString(CultureInfo.InvariantCulture)}"] },
        2 => group with { Members = [.. group.Members.Select(m => m with { BootOrder = value })] },
        _ => group with { Policy = group.Policy with { RtoTarget = TimeSpan.FromSeconds(value) } },
    };

    private static GroupDefinition Group() => new()
    {
        Name = "shop", Version = 1, Epoch = Epoch.First, PrimarySite = "a", RecoverySite = "b",
        Policy = Policy.Default, Edits = MergedFields.None,
        Members =
        [
            new GroupMember("db1", MemberKind.Replicated, 0, new InstanceDescription
            {
                Name = "db1", Cpus = 1, MemoryMiB = 64, Disks = [new InstanceDisk("vda", "virtio", 0, 4096, null)],
            }, [new GroupVolume(0, "db1.vda", "db1", "vda", 4096)]),
        ],
    };
}
