// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;

namespace Lifeboat.Replication.Linking.Compression;

// Which packing gets records across soonest. Sending is packing, then putting on the wire, one after the other, so a
// byte of records takes
//
//   none    1/L                      L  bytes a second that the link takes (LinkGauge: back-pressure and caps)
//   k       c + r/L                  c  seconds to pack a byte, r  packed bytes for a byte; both measured
//
// and the least wins, by a margin, so that it does not flap. When packing all that is offered costs less than a
// twentieth of one core, c counts as nothing: then a link that is not busy carries less as well. What is not in use is
// tried on a frame now and then.
internal sealed class CompressionChooser(
    Func<CompressionMode> mode, FrameAbilities agreed, LinkGauge gauge, TimeProvider time)
{
    public const double LightLoad = 0.05;
    private const double Margin = 0.9;
    private const double RatioMax = 0.9;
    private const int ShortFrame = 512;
    private const long SampleBytes = 64 << 20;
    private static readonly TimeSpan SampleEvery = TimeSpan.FromSeconds(5);

    private readonly Experience[] _known =
    [
        .. new[] { FrameCompression.Lz4, FrameCompression.Zstd }.Where(k => agreed.Includes(k))
            .Select(k => new Experience(k)),
    ];

    private volatile Experience? _current;

    public FrameCompression Current => _current?.Kind ?? FrameCompression.None;

    /// <summary>What to try on the next frame.</summary>
    public FrameCompression Next(int rawLength)
    {
        if (mode() == CompressionMode.None) _current = null;
        if (rawLength < ShortFrame || mode() == CompressionMode.None) return FrameCompression.None;
        if (Wanted is { } wanted)
        {
            _current = Array.Find(_known, k => k.Kind == wanted);
            return Current;
        }
        var now = time.GetTimestamp();
        foreach (var known in _known)
        {
            known.Unseen += rawLength;
            if (known != _current && (known.Raw == 0 || known.Unseen >= SampleBytes
                || time.GetElapsedTime(known.SeenAt, now) >= SampleEvery))
                return known.Kind;
        }
        return Current;
    }

    public void Tried(FrameCompression kind, int rawLength, int packedLength, TimeSpan took)
    {
        var known = Array.Find(_known, k => k.Kind == kind)!;
        known.Learn(rawLength, packedLength, took, time.GetTimestamp(), sample: known != _current);
        if (Wanted is null) Decide();
    }

    private FrameCompression? Wanted => mode() switch
    {
        CompressionMode.Auto => null,
        CompressionMode.None => FrameCompression.None,
        CompressionMode.Lz4 => FrameCompression.Lz4,
        CompressionMode.Zstd => FrameCompression.Zstd,
    };

    private void Decide()
    {
        var best = (Experience?)null;
        foreach (var known in _known)
            if (known.Raw > 0 && known.Ratio < RatioMax && Cost(known) < Cost(best)) best = known;
        if (best == _current) return;
        // One that is of no use any more goes without a margin.
        var present = _current is { } c && c.Ratio >= RatioMax ? null : _current;
        if (present != _current || Cost(best) < Margin * Cost(present)) _current = best;
    }

    private double Cost(Experience? packing)
    {
        var link = gauge.SecondsPerByte;
        if (packing is null) return link;
        var light = gauge.OfferedPerSecond * packing.SecondsPerByte <= LightLoad;
        return (light ? 0 : packing.SecondsPerByte) + packing.Ratio * link;
    }

    private sealed class Experience(FrameCompression kind)
    {
        private const double Window = 4 << 20;
        private double _packed, _seconds;

        public FrameCompression Kind => kind;
        public double Raw { get; private set; }
        /// <summary>Packed bytes for a byte.</summary>
        public double Ratio => _packed / Raw;
        public double SecondsPerByte => _seconds / Raw;
        /// <summary>Bytes of records since it was last tried, and when that was.</summary>
        public long Unseen { get; set; }
        public long SeenAt { get; private set; }

        /// <param name="sample">A single look: it counts as much as all before it, which is old.</param>
        public void Learn(int rawLength, int packedLength, TimeSpan took, long now, bool sample)
        {
            if (sample && Raw > rawLength) Weaken(rawLength / Raw);
            Raw += rawLength;
            _packed += packedLength;
            _seconds += took.TotalSeconds;
            (Unseen, SeenAt) = (0, now);
            if (Raw > Window) Weaken(0.5);
        }

        private void Weaken(double by)
        {
            Raw *= by;
            _packed *= by;
            _seconds *= by;
        }
    }
}
