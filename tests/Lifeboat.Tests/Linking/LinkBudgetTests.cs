// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Linking;

namespace Lifeboat.Tests.Linking;

public sealed class LinkBudgetTests
{
    private const int Frame = 64 << 10;
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(1);
    private readonly HandClock _time = new();
    private readonly LinkBudget _budget;

    public LinkBudgetTests() => _budget = new LinkBudget(_time);

    [Fact]
    public void Without_a_cap_nobody_waits()
    {
        using var share = _budget.Join(() => LinkPriority.Low);
        for (var i = 0; i < 1000; i++)
        {
            Assert.Equal(TimeSpan.Zero, share.Ask());
            share.Spend(Frame);
        }
        Assert.Equal(1000L * Frame, _budget.WireBytes);
    }

    [Fact]
    public void All_together_keep_to_the_cap()
    {
        _budget.Settings = new LinkSettings { Cap = "80Mbit" };
        var sent = Run(TimeSpan.FromSeconds(20), LinkPriority.Normal, LinkPriority.Normal, LinkPriority.Normal);
        Assert.InRange(sent.Sum(), 195_000_000, 205_000_000 + 5_000_000);
        Assert.All(sent, s => Assert.InRange(s, sent.Sum() * 0.3, sent.Sum() * 0.37));
    }

    [Fact]
    public void High_gets_four_times_normal_and_low_a_quarter()
    {
        _budget.Settings = new LinkSettings { Cap = "80Mbit" };
        var sent = Run(TimeSpan.FromSeconds(20), LinkPriority.High, LinkPriority.Normal, LinkPriority.Low);
        Assert.InRange((double)sent[0] / sent[1], 3.6, 4.4);
        Assert.InRange((double)sent[1] / sent[2], 3.6, 4.4);
    }

    [Fact]
    public void What_one_does_not_use_the_others_have()
    {
        _budget.Settings = new LinkSettings { Cap = "80Mbit" };
        using var gone = _budget.Join(() => LinkPriority.High);
        gone.Ask();   // and then never again: its sending loop is stuck
        var sent = Run(TimeSpan.FromSeconds(20), LinkPriority.Low);
        Assert.InRange(sent[0], 190_000_000, 210_000_000);
    }

    [Fact]
    public void One_that_was_idle_has_saved_nothing_up()
    {
        _budget.Settings = new LinkSettings { Cap = "80Mbit" };
        using var late = _budget.Join(() => LinkPriority.Normal);
        Run(TimeSpan.FromSeconds(20), LinkPriority.Normal);
        using var other = _budget.Join(() => LinkPriority.Normal);
        var sent = Run(TimeSpan.FromSeconds(10), late, other);
        Assert.InRange((double)sent[0] / sent[1], 0.9, 1.1);
    }

    [Fact]
    public void All_groups_of_a_tenant_keep_to_its_cap_and_hold_up_nobody_else()
    {
        _budget.Settings = new LinkSettings
        {
            Cap = "80Mbit",
            TenantCaps = new Dictionary<string, string> { ["acme"] = "8Mbit" },
        };
        using var one = _budget.Join(() => LinkPriority.High, "acme");
        using var two = _budget.Join(() => LinkPriority.High, "acme");
        using var other = _budget.Join(() => LinkPriority.Low, "beta");
        var sent = Run(TimeSpan.FromSeconds(20), one, two, other);
        Assert.InRange(sent[0] + sent[1], 19_000_000, 21_000_000);
        Assert.InRange((double)sent[0] / sent[1], 0.8, 1.25);
        // The other one has all that is left of the link.
        Assert.InRange(sent.Sum(), 195_000_000, 210_000_000);
        _budget.Settings = LinkSettings.Default;
        Assert.Equal(TimeSpan.Zero, one.Ask());
    }

    [Fact]
    public void A_tenants_cap_that_is_none_is_said_to_be()
    {
        var settings = new LinkSettings
        {
            TenantCaps = new Dictionary<string, string> { ["acme"] = "fast", ["No Name"] = "8Mbit", ["b"] = "1Mbit" },
        };
        Assert.Equal(2, settings.Problems().Count);
    }

    [Fact]
    public void Another_cap_takes_effect_at_once()
    {
        _budget.Settings = new LinkSettings { Cap = "1Mbit" };
        using var share = _budget.Join(() => LinkPriority.Normal);
        Run(TimeSpan.FromSeconds(5), share);
        share.Spend(1_000_000);   // eight seconds' worth of debt
        Assert.InRange(share.Ask(), TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(250));
        _budget.Settings = LinkSettings.Default;
        Assert.Equal(TimeSpan.Zero, share.Ask());
    }

    [Fact]
    public void A_window_opens_and_closes_by_the_clock()
    {
        _budget.Settings = new LinkSettings { Cap = "80Mbit", Windows = ["mon 12:00-12:01 8Mbit"] };
        Assert.Equal(1_000_000, _budget.BytesPerSecond);
        var inside = Run(TimeSpan.FromSeconds(59), LinkPriority.Normal)[0];
        Assert.InRange(inside, 58_000_000, 60_000_000);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(10_000_000, _budget.BytesPerSecond);
        Assert.InRange(Run(TimeSpan.FromSeconds(10), LinkPriority.Normal)[0], 95_000_000, 106_000_000);
    }

    private long[] Run(TimeSpan time, params LinkPriority[] priorities)
    {
        var shares = Array.ConvertAll(priorities, p => _budget.Join(() => p));
        var sent = Run(time, shares);
        foreach (var share in shares) share.Dispose();
        return sent;
    }

    // Loops that always have something to send and sleep as long as they are told, to the next millisecond.
    private long[] Run(TimeSpan time, params LinkShare[] shares)
    {
        var sent = new long[shares.Length];
        var asksAt = new DateTimeOffset[shares.Length];
        for (var end = _time.GetUtcNow() + time; _time.GetUtcNow() < end; _time.Advance(Step))
        {
            for (var i = 0; i < shares.Length; i++)
            {
                while (asksAt[i] <= _time.GetUtcNow())
                {
                    var pause = shares[i].Ask();
                    if (pause > TimeSpan.Zero)
                    {
                        asksAt[i] = _time.GetUtcNow() + pause;
                        break;
                    }
                    shares[i].Spend(Frame);
                    sent[i] += Frame;
                }
            }
        }
        return sent;
    }
}
