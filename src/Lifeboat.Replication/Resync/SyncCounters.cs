// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Replication.Resync;

/// <summary>
/// What the present or last sync did, over all its volumes, and what it has yet to do. Written by one loop, read by
/// any. A volume's counters count for the whole too.
/// </summary>
internal sealed class SyncCounters
{
    private readonly SyncCounters? _whole;
    private readonly TimeProvider _time;
    private readonly Func<long?> _cap;
    private readonly Pace _moving, _passing;
    private readonly long _size, _began;
    private readonly long? _expected;
    private readonly Lock _gate = new();
    private readonly SortedDictionary<int, SyncCounters> _volumes = [];
    private long _moved, _examined, _digests, _done, _total;
    private int _kind;
    private SyncPrediction? _prediction;
    private Func<long>? _replayed;

    /// <param name="cap">Bytes a second that the link may carry now; null: no cap.</param>
    public SyncCounters(SyncKind kind, TimeProvider time, Func<long?> cap)
    {
        (_kind, _time, _cap) = ((int)kind, time, cap);
        (_moving, _passing) = (new Pace(time), new Pace(time));
        (Since, _began) = (time.GetUtcNow(), time.GetTimestamp());
    }

    private SyncCounters(SyncKind kind, SyncCounters whole, long size, long? expected)
        : this(kind, whole._time, whole._cap) => (_whole, _size, _expected) = (whole, size, expected);

    public DateTimeOffset Since { get; }
    public TimeSpan Took => _time.GetElapsedTime(_began);
    public SyncKind Kind => (SyncKind)Volatile.Read(ref _kind);
    /// <summary>Payload bytes put into the stream.</summary>
    public long Moved => Volatile.Read(ref _moved);
    /// <summary>Bytes read from the disks.</summary>
    public long Examined => Volatile.Read(ref _examined);
    /// <summary>Bytes of requests for digests and their answers.</summary>
    public long Digests => Volatile.Read(ref _digests);
    /// <summary>0 to 1, by how much of the volumes the pull has passed.</summary>
    public double Progress => Volatile.Read(ref _total) is > 0 and var total
        ? Math.Min(1, (double)Volatile.Read(ref _done) / total)
        : 0;

    /// <summary>Once told, at the beginning; and again each time that it began anew.</summary>
    public bool Announced { get; set; }

    /// <summary>What was forecast first, as soon as anything could be; null: it never could.</summary>
    public SyncPrediction? Prediction
    {
        get { lock (_gate) return _prediction; }
    }

    /// <summary>The counters of one volume; those of an earlier attach of it do not count in the forecast.</summary>
    /// <param name="expected">Bytes that its change map marks, or that are stored; null: not known.</param>
    public SyncCounters Begin(int volume, SyncKind kind, long sizeBytes, long? expected)
    {
        Include(kind);
        Interlocked.Add(ref _total, sizeBytes);
        var part = new SyncCounters(kind, this, sizeBytes, expected);
        lock (_gate) _volumes[volume] = part;
        return part;
    }

    /// <summary>It sends what the outbox holds, instead of volumes.</summary>
    /// <param name="sent">How much of it is sent by now; never less than before.</param>
    public void Replay(long waiting, Func<long> sent) => (_total, _replayed) = (waiting, sent);

    /// <summary>What is to be said of it now; null: no volume has begun.</summary>
    /// <param name="waiting">Bytes in the outbox.</param>
    public SyncForecast? Forecast(long waiting = 0)
    {
        if (_replayed is { } replayed) return OfReplay(replayed());
        SyncCounters[] volumes;
        lock (_gate) volumes = [.. _volumes.Values];
        return volumes.Length == 0 ? null : SyncForecast.Of(Kind, Since, [.. volumes.Select(v => v.Part())],
            Moved, waiting, _moving.PerSecond(Moved), _passing.PerSecond(Volatile.Read(ref _done)), _cap());
    }

    public void AddMoved(long bytes)
    {
        Interlocked.Add(ref _moved, bytes);
        if (_whole is null) Look();
        else _whole.AddMoved(bytes);
    }

    public void AddExamined(long bytes)
    {
        Interlocked.Add(ref _examined, bytes);
        _whole?.AddExamined(bytes);
    }

    public void AddDigests(long bytes)
    {
        Interlocked.Add(ref _digests, bytes);
        _whole?.AddDigests(bytes);
    }

    public void AddDone(long bytes)
    {
        Interlocked.Add(ref _done, bytes);
        if (_whole is null) Look();
        else _whole.AddDone(bytes);
    }

    // Nobody notes what is sent as it is: the pace is that since it began.
    private SyncForecast OfReplay(long sent)
    {
        var took = Took.TotalSeconds;
        return SyncForecast.Of(Kind, Since, [new SyncPart(Kind, _total, _total, sent, sent, sent)], sent, 0,
            took >= 1 && sent > 0 ? sent / took : null, null, _cap());
    }

    private SyncPart Part() => new(Kind, _size, _expected, Volatile.Read(ref _done), Moved, Examined);

    // The first forecast is what the end is held against.
    private void Look()
    {
        var due = _moving.Note(Moved);
        due |= _passing.Note(Volatile.Read(ref _done));
        if (!due || Prediction is not null || Forecast() is not { Left: { } left, ToMoveBytes: { } bytes }) return;
        lock (_gate) _prediction ??= new SyncPrediction(Took + left, bytes, Progress);
    }

    /// <summary>Several volumes may need different kinds: the most laborious one names the sync.</summary>
    private void Include(SyncKind other)
    {
        if (Rank(other) > Rank(Kind)) Volatile.Write(ref _kind, (int)other);
    }

    private static int Rank(SyncKind kind) => kind switch
    {
        SyncKind.None => 0,
        SyncKind.Replay => 1,
        SyncKind.Allocation => 2,
        SyncKind.ChangeMap => 3,
        SyncKind.HashCompare => 4,
    };
}

/// <param name="Whole">From the beginning of the sync to its end.</param>
/// <param name="Bytes">Payload to be moved.</param>
/// <param name="Progress">How far it was when this was said, 0 to 1.</param>
internal sealed record SyncPrediction(TimeSpan Whole, long Bytes, double Progress);
