// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;
using Lifeboat.Recovery.Evacuations;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Evacuations;

/// <summary>Which groups are moved with which, and in which order.</summary>
public sealed class EvacuationWavesTests
{
    private static readonly WaveMember[] Site =
    [
        new("web", null, LinkPriority.Low), new("crm", null, LinkPriority.Normal),
        new("db", "erp", LinkPriority.High), new("app", "erp", LinkPriority.Low),
        new("audit", null, LinkPriority.Normal),
    ];

    [Fact]
    public void Without_a_wish_the_urgent_go_first_and_take_their_application_along() =>
        Assert.Equal(["1 db", "1 app", "2 audit", "2 crm", "3 web"], Waves(Site));

    [Fact]
    public void Who_is_named_goes_as_named_and_all_others_behind_by_priority()
    {
        Assert.Equal(["1 web", "2 crm", "3 db", "3 app", "4 audit"], Waves(Site, (2, "web"), (7, "crm")));
        Assert.Equal(["1 db", "1 crm", "1 app", "2 web", "3 audit"], Waves(Site, (1, "erp"), (1, "crm"), (5, "web")));
        // One group of an application stands for all of it, and may be named beside it.
        Assert.Equal(["1 db", "1 app", "2 audit", "2 crm", "3 web"], Waves(Site, (1, "app"), (1, "erp")));
    }

    [Fact]
    public void All_that_does_not_fit_is_told_at_once()
    {
        var faults = new List<string>();
        EvacuationWaves.Of(Site, [(0, "web"), (1, "db"), (2, "app"), (3, "none"), (101, "crm"), (2, "crm")], faults);
        Assert.Equal(
        [
            "wave 0: waves are numbered from 1 to 100",
            "wave 3: 'none' is none of the groups or applications to be moved",
            "wave 101: waves are numbered from 1 to 100",
            "group crm is in several waves: crm in 101, crm in 2",
            "application erp is in several waves: db in 1, app in 2; groups of one application are moved in one wave",
        ], faults);
    }

    [Fact]
    public void Whatever_is_wished_every_group_has_one_wave_with_its_application_and_none_is_empty()
    {
        for (var seed = 1UL; seed <= 300; seed++)
        {
            var prng = new Prng(seed);
            var members = Enumerable.Range(0, prng.Next(1, 30)).Select(i => new WaveMember($"g{i}",
                prng.Chance(0.5) ? $"app{prng.Next(4)}" : null, (LinkPriority)prng.Next(3))).ToList();
            var wanted = members.Where(_ => prng.Chance(0.3)).Select(m => (prng.Next(1, 9), m.Group)).ToList();
            var waves = EvacuationWaves.Of(members, wanted, []);
            Assert.Equal(members.ToHashSet(), waves.Select(w => w.Member).ToHashSet());
            Assert.Equal(members.Count, waves.Count);
            Assert.All(waves.Where(w => w.Member.Application is not null).GroupBy(w => w.Member.Application),
                a => Assert.Single(a.Select(w => w.Wave).Distinct()));
            Assert.Equal(Enumerable.Range(1, waves.Max(w => w.Wave)), waves.Select(w => w.Wave).Distinct());
        }
    }

    [Fact]
    public void What_a_wave_takes_is_that_each_begins_when_there_is_a_place()
    {
        TimeSpan? S(int? seconds) => seconds is { } s ? TimeSpan.FromSeconds(s) : null;
        Assert.Equal(TimeSpan.FromSeconds(60), EvacuationWaves.Predicted([S(10), S(20), S(30)], 1));
        Assert.Equal(TimeSpan.FromSeconds(40), EvacuationWaves.Predicted([S(10), S(20), S(30)], 2));
        Assert.Equal(TimeSpan.FromSeconds(30), EvacuationWaves.Predicted([S(10), S(20), S(30)], 9));
        Assert.Equal(TimeSpan.FromSeconds(10), EvacuationWaves.Predicted([S(10), S(null)], 1));
        Assert.Equal(TimeSpan.Zero, EvacuationWaves.Predicted([], 4));
    }

    private static IEnumerable<string> Waves(IReadOnlyList<WaveMember> members, params (int, string)[] wanted)
    {
        var faults = new List<string>();
        var waves = EvacuationWaves.Of(members, wanted, faults);
        Assert.Empty(faults);
        return waves.Select(w => $"{w.Wave} {w.Member.Group}");
    }
}
