// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Protection.Merging;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Policies;

/// <summary>Fields that several sites edit, whoever hears of whom in whatever order.</summary>
public sealed class MergedFieldsTests
{
    private static readonly string[] Sites = ["a", "b", "c"], Names = ["x", "y"];

    [Fact]
    public void Of_two_edits_that_knew_of_neither_both_stay_and_the_next_edit_ends_it()
    {
        var first = Edit(MergedFields.None, "a", ("x", 1), ("y", 1));
        var (a, b) = (Edit(first, "a", ("x", 2)), Edit(first, "b", ("x", 3), ("y", 3)));
        var both = a.MergedWith(b);
        Assert.Equal(["x"], both.Contested);
        Assert.Equal(["2", "3"], both.EntriesOf("x").Select(e => e.Value));
        Assert.Equal(("2", "3", "3"), (both.ValueOf("x", "2"), both.ValueOf("x", "3"), both.ValueOf("y", "1")));
        // Who chose knew both; who did not hear of it yet takes it for newer than either.
        var chosen = Edit(both, "b", ("x", 2));
        Assert.Equal("2", Assert.Single(chosen.MergedWith(a).MergedWith(both).EntriesOf("x")).Value);
        Assert.Empty(chosen.Contested);
    }

    [Fact]
    public void The_same_edit_made_twice_contests_nothing()
    {
        var both = Edit(MergedFields.None, "a", ("x", 1)).MergedWith(Edit(MergedFields.None, "b", ("x", 1)));
        Assert.Empty(both.Contested);
        Assert.Equal(2, both.EntriesOf("x").Count);
    }

    // Model: a value is there as long as no edit that knew of it gave the field another one.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Whatever_order_sites_hear_of_each_other_in_all_come_to_what_nobody_replaced(ulong seed)
    {
        var prng = new Prng(seed);
        for (var world = 0; world < 200; world++)
        {
            var at = Sites.ToDictionary(s => s, _ => MergedFields.None);
            var knows = Sites.ToDictionary(s => s, _ => new HashSet<int>());
            var edits = new List<(string Field, int Value, HashSet<int> Knew)>();
            for (var step = 0; step < 30; step++)
            {
                var (one, other) = (Sites[prng.Next(3)], Sites[prng.Next(3)]);
                if (prng.Next(2) == 0)
                {
                    var field = Names[prng.Next(2)];
                    at[one] = Edit(at[one], one, (field, edits.Count));
                    edits.Add((field, edits.Count, [.. knows[one]]));
                    knows[one].Add(edits.Count - 1);
                }
                else
                {
                    at[one] = at[one].MergedWith(at[other]);
                    knows[one].UnionWith(knows[other]);
                }
            }
            var all = at["a"].MergedWith(at["b"]).MergedWith(at["c"]);
            foreach (var field in Names)
            {
                var left = edits.Where(e => e.Field == field
                    && !edits.Any(later => later.Field == field && later.Knew.Contains(e.Value)));
                Assert.Equal(left.Select(e => Text(e.Value)).Order(),
                    all.EntriesOf(field).Select(e => e.Value).Order());
            }
            var otherwise = at["c"].MergedWith(at["c"]).MergedWith(at["a"].MergedWith(at["b"])).MergedWith(at["a"]);
            Assert.Equal(all.Seen, otherwise.Seen);
            Assert.All(Names, n => Assert.Equal(all.EntriesOf(n), otherwise.EntriesOf(n)));
            Assert.Empty(all.Problems());
        }
    }

    [Fact]
    public void What_no_site_can_have_said_is_told()
    {
        var entry = new FieldEntry("b", 9, DateTimeOffset.UnixEpoch, "{");
        var bad = new MergedFields(new Dictionary<string, long> { ["a b"] = 1, ["b"] = 9 },
            new Dictionary<string, IReadOnlyList<FieldEntry>>
            {
                ["x"] = [entry], ["y"] = [entry with { Number = 10 }],
            });
        Assert.Equal(3, bad.Problems().Count());
    }

    private static MergedFields Edit(MergedFields of, string by, params (string Field, int Value)[] values) => of.With(
        values.Select(v => KeyValuePair.Create(v.Field, Text(v.Value))), by, DateTimeOffset.UnixEpoch);

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
