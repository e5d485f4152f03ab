// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Checkpoints;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Outbox;
using Lifeboat.Replication.Resync;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Shipping;

// The life of one group at its source:
//
//   CONNECT ──hello──► same stream, outbox holds what follows ──► REPLAY ─────────────┐
//      ▲                 else a new stream: ATTACH ──► PULL ──► batch end durable ──► STREAM ──► rotate maps
//      │                                       ▲                                      │
//      │                                       └── a tap ended: that volume again ────┤
//      ├── link lost or suspended: capture goes on into the outbox (GroupSource.Ladder)┤
//      ├── outbox full, recovery site full or damaged: let go of the disks, return ◄──┤
//      │   after a pause with a new stream                                            │
//      └── (never) ◄── FENCED: our epoch is old, or another agent has the source ◄────┘
//
// Invariants
//   A gap is forgotten only when the end of its batch is durable at the recovery site.
//   Nothing is acknowledged to a guest by a stream that was given up; no stream begins before the old one was.
//   After StaleEpoch or Migrated this object captures nothing any more.
public sealed partial class GroupSource
{
    private readonly GroupSourceOptions _options;
    private readonly ILink _link;
    private readonly TimeProvider _time;
    private readonly ILogger<GroupSource> _logger;
    private readonly EngineFlaws _flaws;
    private readonly Chance _chance;
    private readonly Backoff _retry, _return;
    private readonly TapSlot[] _slots;
    private readonly PointLedger _points;
    private readonly LinkBudget _budget;
    private readonly MapBasis _basis;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private readonly List<Task> _watches = [];

    private volatile SourceState _state;
    private volatile CaptureStream? _stream;
    private volatile FrameFeed? _feed;
    private volatile SyncCounters _sync;
    private volatile bool _connected;
    private volatile RateCalendar _shipRate;
    private volatile int _priority;
    private long _shippedBefore, _wireBefore, _capturedBefore, _attaches, _durableKnown;
    private bool _started;

    public GroupSource(GroupSourceOptions options, ILink link, TimeProvider time, ILogger<GroupSource> logger)
        : this(options, link, time, logger, EngineFlaws.None)
    {
    }

    internal GroupSource(GroupSourceOptions options, ILink link, TimeProvider time, ILogger<GroupSource> logger,
        EngineFlaws flaws)
    {
        if (options.Problems().FirstOrDefault() is { } problem) throw new ArgumentException(problem, nameof(options));
        (_options, _link, _time, _logger, _flaws) = (options, link, time, logger, flaws);
        _chance = new Chance(options.Seed);
        _retry = new Backoff(options.RetryMin, options.RetryMax, _chance);
        _return = new Backoff(options.ReturnMin, options.ReturnMax, _chance);
        _slots = [.. options.Volumes.OrderBy(v => v.Index)
            .Select(v => new TapSlot(v, new Backoff(options.RetryMin, options.RetryMax, _chance)))];
        _moments = options.Moments;
        _momentPeriodTicks = options.Moments?.Period.Ticks ?? 0;
        _momentTrigger = (int)(options.Moments?.Trigger ?? default);
        _momentRetry = new Backoff(options.RetryMin, options.RetryMax, _chance);
        _points = new PointLedger(time);
        _budget = options.Budget ?? new LinkBudget(time);
        _basis = new MapBasis(options.Maps);
        _sync = NewSync(SyncKind.None);
        _shipRate = options.Policy.ShipCalendar();
        _priority = (int)options.Policy.Priority;
        _state = new SourceState(GroupSourcePhase.Detached, ReasonCode.LinkDown, null, time.GetUtcNow());
        _suspension = options.Suspension;
        _arriving = options.Arrives;
        _rung = new OutboxState(OutboxRung.ChangeMap, ReasonCode.LinkDown, time.GetUtcNow(), 0, 0);
        if (options.Log is { } storage && options.Policy.OutboxLogBytes > 0)
            _log = new OutboxLog(new SectorStorage(storage), new OutboxLogOptions
            {
                BytesMax = options.Policy.OutboxLogBytes,
                ReserveBytes = options.LogReserveBytes,
            }, _chance.NextUInt64);
    }

    /// <summary>
    /// Lives until stopped, cancelled or fenced. Cancelling lets go of the disks: the guests go on, their change maps
    /// remember. Call it once.
    /// </summary>
    public async Task RunAsync(CancellationToken ct)
    {
        Invariant.Holds(!Interlocked.Exchange(ref _started, true), "a source runs once");
        // Stops when the host shuts down (ct) or StopAsync was called (_stop). Neither is a failure.
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, _stop.Token);
        try
        {
            await Together.RunAsync(any.Token, LinkForeverAsync,
                t => Together.ForeverAsync<bool>(CheckpointPeriodicallyAsync, t),
                t => Together.ForeverAsync<bool>(SpillForeverAsync, t),
                t => Together.ForeverAsync<bool>(ReadForeverAsync, t));
        }
        catch (OperationCanceledException) when (any.IsCancellationRequested)
        {
            // A stop or a shutdown is how a source ends.
        }
        catch (Exception e)
        {
            // The code itself is wrong somewhere: the guests are let go (below), the host hears of it.
            SetState(GroupSourcePhase.Stopped, ReasonCode.Unexpected, e.Message);
            throw;
        }
        finally
        {
            await EndRunAsync();
        }
    }

    /// <summary>What this source says of itself now.</summary>
    public SourceSnapshot Snapshot()
    {
        var (state, stream, sync, feed) = (_state, _stream, _sync, _feed);
        var volumes = stream?.Volumes();
        return new SourceSnapshot
        {
            Group = _options.Group,
            Phase = state.Phase,
            Reason = state.Reason,
            Detail = state.Detail,
            Since = state.Since,
            Epoch = _options.Epoch,
            Connected = _connected,
            CapturedSequence = stream?.LastSequence ?? 0,
            DurableSequence = Math.Max(stream?.DurableSequence ?? 0, Volatile.Read(ref _durableKnown)),
            OutboxBytes = stream?.OutboxBytes ?? 0,
            Outbox = Rung(),
            LogDamage = _logDamage,
            Suspension = Held,
            Lag = Lag(stream),
            CapturedBytes = Volatile.Read(ref _capturedBefore) + (stream?.CapturedBytes ?? 0),
            ShippedBytes = Volatile.Read(ref _shippedBefore) + (feed?.ShippedBytes ?? 0),
            WireBytes = Volatile.Read(ref _wireBefore) + (feed?.WireBytes ?? 0),
            Compression = feed?.Compression ?? FrameCompression.None,
            LastSync = sync.Kind,
            SyncMovedBytes = sync.Moved,
            SyncExaminedBytes = sync.Examined,
            SyncDigestBytes = sync.Digests,
            Forecast = ForecastOf(state, sync, stream?.OutboxBytes ?? 0),
            SyncProgress = state.Phase == GroupSourcePhase.Streaming ? 1 : sync.Progress,
            Attaches = Volatile.Read(ref _attaches),
            LastSealed = _points.LastSealed,
            Moments = MomentsNow(),
            Volumes = [.. _slots.Select((s, i) => new VolumeSnapshot(
                s.Disk.Name, volumes is not null && volumes[i].Attached, s.Detail, s.SizeBytes))],
        };
    }

    private TimeSpan Lag(CaptureStream? stream)
    {
        var lag = stream?.Lag ?? TimeSpan.Zero;
        if (BehindSince is not { } since) return lag;
        var behind = _time.GetUtcNow() - since;
        return behind > lag ? behind : lag;
    }

    private DateTimeOffset? BehindSince
    {
        get { lock (_gate) return field; }
        set { lock (_gate) field = value; }
    }

    private void SetState(GroupSourcePhase phase, ReasonCode reason, string? detail)
    {
        lock (_gate)
        {
            var old = _state;
            if (old.Phase is GroupSourcePhase.Fenced or GroupSourcePhase.Stopped && phase != GroupSourcePhase.Stopped)
                return;
            if (old.Phase == phase && old.Reason == reason && old.Detail == detail) return;
            var same = old.Phase == phase && old.Reason == reason;
            _state = new SourceState(phase, reason, detail, same ? old.Since : _time.GetUtcNow());
            if (same) return;
        }
        LogPhaseChanged(_options.Group, phase, reason, detail);
    }

    private void Watch(Task watch)
    {
        lock (_gate)
        {
            _watches.RemoveAll(w => w.IsCompleted);
            _watches.Add(watch);
        }
    }

    private sealed record SourceState(GroupSourcePhase Phase, ReasonCode Reason, string? Detail, DateTimeOffset Since);

    [LoggerMessage(ReplicationEvents.PhaseChanged, LogLevel.Information,
        "Source of {Group} became {Phase}: {Reason} {Detail}")]
    private partial void LogPhaseChanged(string group, GroupSourcePhase phase, ReasonCode reason, string? detail);
}
