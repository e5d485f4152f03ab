// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;

namespace Lifeboat.Tests.Linking;

public sealed class CompressionChooserTests
{
    private const int Frame = 256 << 10;
    private const double MB = 1e6;
    private readonly HandClock _time = new();

    // Packers as measured here: 2.2 s/GB to 0.52 and 3.5 s/GB to 0.40 of what it was.
    [Theory]
    [InlineData(1000 * MB, FrameCompression.None)]
    [InlineData(400 * MB, FrameCompression.None)]
    [InlineData(150 * MB, FrameCompression.Lz4)]
    [InlineData(5 * MB, FrameCompression.Zstd)]
    public void What_gets_records_across_soonest_is_chosen(double bytesPerSecond, FrameCompression expected)
    {
        var chooser = Ship(CompressionMode.Auto, FrameAbilities.All, bytesPerSecond, 0.52, 0.40);
        Assert.Equal(expected, chooser.Current);
    }

    [Fact]
    public void What_cannot_be_packed_is_sent_as_it_is()
    {
        var chooser = Ship(CompressionMode.Auto, FrameAbilities.All, 5 * MB, 1.0, 0.99);
        Assert.Equal(FrameCompression.None, chooser.Current);
    }

    [Fact]
    public void Only_what_the_peer_can_undo_is_used()
    {
        Assert.Equal(FrameCompression.Lz4,
            Ship(CompressionMode.Auto, FrameAbilities.Lz4, 5 * MB, 0.52, 0.40).Current);
        Assert.Equal(FrameCompression.None,
            Ship(CompressionMode.Auto, FrameAbilities.None, 5 * MB, 0.52, 0.40).Current);
        Assert.Equal(FrameCompression.None,
            Ship(CompressionMode.Zstd, FrameAbilities.Lz4, 5 * MB, 0.52, 0.40).Current);
    }

    [Fact]
    public void An_operators_word_counts_for_more_than_the_gain()
    {
        Assert.Equal(FrameCompression.Lz4,
            Ship(CompressionMode.Lz4, FrameAbilities.All, 1000 * MB, 0.52, 0.40).Current);
        Assert.Equal(FrameCompression.None,
            Ship(CompressionMode.None, FrameAbilities.All, 5 * MB, 0.52, 0.40).Current);
    }

    [Fact]
    public void A_link_that_is_not_busy_carries_less_when_that_costs_next_to_nothing()
    {
        // 1 MB/s over a link that takes everything at once.
        var chooser = Ship(CompressionMode.Auto, FrameAbilities.All, 1000 * MB, 0.52, 0.40,
            idle: TimeSpan.FromSeconds(Frame / MB));
        Assert.Equal(FrameCompression.Zstd, chooser.Current);
    }

    [Fact]
    public void It_changes_with_the_content_and_the_link()
    {
        var gauge = new LinkGauge(_time);
        var chooser = new CompressionChooser(() => CompressionMode.Auto, FrameAbilities.Lz4, gauge, _time);
        Ship(chooser, gauge, 100, 20 * MB, 0.5, 0.5);
        Assert.Equal(FrameCompression.Lz4, chooser.Current);
        Ship(chooser, gauge, 200, 20 * MB, 1.0, 1.0);
        Assert.Equal(FrameCompression.None, chooser.Current);
        // Nothing is tried for a while, then once: it is not given up for ever.
        Ship(chooser, gauge, 2000, 20 * MB, 0.5, 0.5);
        Assert.Equal(FrameCompression.Lz4, chooser.Current);
        Ship(chooser, gauge, 2000, 2000 * MB, 0.5, 0.5);
        Assert.Equal(FrameCompression.None, chooser.Current);
    }

    [Fact]
    public void Trying_costs_little_when_nothing_is_packed()
    {
        var gauge = new LinkGauge(_time);
        var chooser = new CompressionChooser(() => CompressionMode.Auto, FrameAbilities.All, gauge, _time);
        var tried = Ship(chooser, gauge, 4096, 1000 * MB, 0.5, 0.4);
        Assert.InRange(tried, 2, 40);
    }

    private CompressionChooser Ship(CompressionMode mode, FrameAbilities agreed, double bytesPerSecond,
        double lz4Ratio, double zstdRatio, TimeSpan idle = default)
    {
        var gauge = new LinkGauge(_time);
        var chooser = new CompressionChooser(() => mode, agreed, gauge, _time);
        Ship(chooser, gauge, 300, bytesPerSecond, lz4Ratio, zstdRatio, idle);
        return chooser;
    }

    private int Ship(CompressionChooser chooser, LinkGauge gauge, int frames, double bytesPerSecond, double lz4Ratio,
        double zstdRatio, TimeSpan idle = default)
    {
        var tried = 0;
        for (var i = 0; i < frames; i++)
        {
            var kind = chooser.Next(Frame);
            var (ratio, cost) = kind switch
            {
                FrameCompression.Lz4 => (lz4Ratio, 2.2e-9),
                FrameCompression.Zstd => (zstdRatio, 3.5e-9),
                FrameCompression.None => (1.0, 0.0),
            };
            var packing = TimeSpan.FromSeconds(Frame * cost);
            var wire = (int)(Frame * ratio);
            _time.Advance(packing);
            if (kind != FrameCompression.None) chooser.Tried(kind, Frame, wire, packing);
            if (kind != FrameCompression.None) tried++;
            var sending = TimeSpan.FromSeconds(wire / bytesPerSecond);
            _time.Advance(sending);
            gauge.Sent(Frame, wire, sending);
            _time.Advance(idle);
        }
        return tried;
    }
}
