// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Groups;
using System.Collections.Concurrent;
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Linking.Stripes;

namespace Lifeboat.Replication.Linking;

// What all groups that ship to one site may send together: one token bucket of half a second's worth, shared by start-
// time fair queueing. Every share has at most one frame that waits. It is tagged when it begins to wait, with the
// virtual time of the link or the end of the share's frame before, whichever is later; the lowest tag goes first, and a
// frame moves its share's next tag on by its bytes over the share's weight. So shares that always have something to
// send get the rate in proportion to their weights, and what one does not use the others have.
//
// A share that waits asks again by itself after the pause it was told; one that does not is passed over. Nothing here
// waits: only sending loops ask, never what captures guest writes.
/// <summary>The capacity of the link to one site. Any thread.</summary>
public sealed class LinkBudget(TimeProvider time)
{
    private static readonly TimeSpan Late = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(1); // until it is likely over
    private readonly Lock _gate = new();
    private readonly List<LinkShare> _shares = [];
    private readonly RateCap _cap = new(time);
    private readonly ConcurrentDictionary<string, PathMeter> _paths = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TenantQueue> _tenants = new(StringComparer.Ordinal);
    private volatile Wanted _wanted =
        new(LinkSettings.Default, RateCalendar.Unlimited, [], new Dictionary<string, long>());
    private double _virtual;
    private long _wireBytes;

    /// <summary>Takes effect at once, but for other paths without a new connection.</summary>
    public LinkSettings Settings
    {
        get => _wanted.Settings;
        set
        {
            var before = _wanted;
            _wanted = new Wanted(value, value.Calendar(), value.ReadPaths(), ReadTenantRates(value));
            if (before.Paths.SequenceEqual(_wanted.Paths)) return;
            lock (_gate)
                foreach (var share in _shares) share.PathsChanged.Set();
        }
    }

    /// <summary>What the link goes over; empty: one connection of the system's choice.</summary>
    public IReadOnlyList<LinkPath> Paths => _wanted.Paths;

    public IReadOnlyList<PathState> PathStates() => [.. Paths.Select(p => Path(p).State(p.Text))];

    /// <summary>Bytes a second that may be sent now; null: no cap.</summary>
    public long? BytesPerSecond => _wanted.Rate.At(time.GetUtcNow());

    public CompressionMode Compression => _wanted.Settings.Compression;

    /// <summary>Bytes of frames sent since the agent started.</summary>
    public long WireBytes
    {
        get { lock (_gate) return _wireBytes; }
    }

    internal PathMeter Path(LinkPath path) => _paths.GetOrAdd(path.Text, _ => new PathMeter());

    /// <param name="tenant">Whose group it is: all of a tenant share its cap too.</param>
    internal LinkShare Join(Func<LinkPriority> priority, string tenant = GroupName.DefaultTenant)
    {
        var share = new LinkShare(this, tenant, priority);
        lock (_gate) _shares.Add(share);
        return share;
    }

    internal void Leave(LinkShare share)
    {
        lock (_gate) _shares.Remove(share);
    }

    /// <returns>How long to wait before asking again; zero: send one frame, then say how much it was.</returns>
    internal TimeSpan Ask(LinkShare share)
    {
        var rate = BytesPerSecond;
        lock (_gate)
        {
            var now = time.GetTimestamp();
            // Before it queues up: what its tenant may not send yet must not hold up the others.
            if (TenantPause(share, now) is { Ticks: > 0 } held)
            {
                share.Waits = false;
                share.AsksBefore = After(now, held);
                return held;
            }
            if (!share.Waits) (share.Waits, share.Tag) = (true, Math.Max(_virtual, share.NextTag));
            var pause = _cap.Pause(rate);
            if (pause == TimeSpan.Zero && rate is not null && IsOthersTurn(share, now))
                pause = Turn;
            share.AsksBefore = After(now, pause);
            return pause;
        }
    }

    internal void Spend(LinkShare share, int bytes)
    {
        lock (_gate)
        {
            _cap.Spend(bytes);
            if (_tenants.TryGetValue(share.Tenant, out var tenant)) tenant.Spend(share, bytes);
            _wireBytes += bytes;
            _virtual = Math.Max(_virtual, share.Tag);
            share.NextTag = Math.Max(share.Tag, share.NextTag) + bytes / share.Weight;
            share.Waits = false;
        }
    }

    private TimeSpan TenantPause(LinkShare share, long now)
    {
        if (!_wanted.TenantRates.TryGetValue(share.Tenant, out var rate)) return TimeSpan.Zero;
        if (!_tenants.TryGetValue(share.Tenant, out var tenant))
            _tenants[share.Tenant] = tenant = new TenantQueue(time);
        tenant.Join(share);
        var pause = tenant.Cap.Pause(rate);
        return pause == TimeSpan.Zero && _shares.Any(o => o.Tenant == share.Tenant && o.WaitsInTenant
            && o.TenantTag < share.TenantTag && now <= o.AsksBefore) ? Turn : pause;
    }

    private long After(long now, TimeSpan pause) =>
        now + (long)((pause + Late).TotalSeconds * time.TimestampFrequency);

    private static Dictionary<string, long> ReadTenantRates(LinkSettings settings)
    {
        var rates = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (tenant, text) in settings.TenantCaps)
            if (DataRate.TryParse(text, out var rate)) rates[tenant] = rate;
        return rates;
    }

    private bool IsOthersTurn(LinkShare share, long now)
    {
        foreach (var other in _shares)
            if (other.Waits && other.Tag < share.Tag && now <= other.AsksBefore) return true;
        return false;
    }

    private sealed record Wanted(LinkSettings Settings, RateCalendar Rate, IReadOnlyList<LinkPath> Paths,
        IReadOnlyDictionary<string, long> TenantRates);

    // The shares of one tenant take their turns at its cap as all do at the link's: else who asks first has all of it.
    private sealed class TenantQueue(TimeProvider time)
    {
        private double _virtual;

        public RateCap Cap { get; } = new(time);

        public void Join(LinkShare share)
        {
            if (!share.WaitsInTenant)
                (share.WaitsInTenant, share.TenantTag) = (true, Math.Max(_virtual, share.TenantNextTag));
        }

        public void Spend(LinkShare share, int bytes)
        {
            Cap.Spend(bytes);
            _virtual = Math.Max(_virtual, share.TenantTag);
            share.TenantNextTag = Math.Max(share.TenantTag, share.TenantNextTag) + bytes / share.Weight;
            share.WaitsInTenant = false;
        }
    }
}
