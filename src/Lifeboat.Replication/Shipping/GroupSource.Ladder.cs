// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Outbox;
using Lifeboat.Replication.Receiving;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Shipping;

// Where what cannot be shipped is kept, rung by rung:
//
//   MEMORY ──above the mark, or suspended──► LOG ──log full, failed or too slow, and memory full──► CHANGE MAP
//      ▲                                      │                                                        │
//      └──────── all of it is durable ────────┘          the log that is left is shipped first, then ──┘
//                                                        a new stream attaches and pulls the gap
//
// The log is of the disk's pace, the guests never are: they meet memory alone. Why what a dead stream left is shipped:
// docs/decisions/0008-ship-the-log-a-stream-left.md.
public sealed partial class GroupSource
{
    private static readonly TimeSpan LogRetry = TimeSpan.FromSeconds(1);
    // Suspended, little goes to the log: a few writes at a time, not each for itself.
    private static readonly TimeSpan SpillGather = TimeSpan.FromMilliseconds(200);
    private readonly OutboxLog? _log;
    private readonly Signal _toSpill = new(), _toRead = new();
    private OutboxState _rung;
    private Guid _spoilt;
    private volatile LogDamage? _logDamage;

    private bool LogIsFor(CaptureStream stream) => _log is not null && stream is { IsGivenUp: false };

    private async Task SpillForeverAsync(CancellationToken ct)
    {
        while (true)
        {
            if (_log is not { } log || _stream is not { } stream || !LogIsFor(stream))
            {
                await _toSpill.WaitAsync(ct);
                continue;
            }
            if (stream.TakeLogMoved() is { } durable) await TrimAsync(log, durable, ct);
            NoteRung();
            if (stream.TryTakeSpill(out var run))
            {
                if (!await SpillAsync(log, stream, run, ct)) await Task.Delay(LogRetry, _time, ct);
                else if (stream.SpillsAll && run.Records.Length < RecordOutbox.ChunkLength / 2)
                    await Task.Delay(SpillGather, _time, ct);
            }
            else if (stream.SpillsAll) await _toSpill.WaitAsync(SpillGather, _time, ct); // nobody tells of a few writes
            else await _toSpill.WaitAsync(ct);
        }
    }

    private async Task<bool> SpillAsync(OutboxLog log, CaptureStream stream, OutboxRun run, CancellationToken ct)
    {
        var takes = ReasonCode.OutboxLogFailed;
        var logged = _flaws.LogOutOfOrder ? run with { Records = FlawedFrames.Swap(run.Records) } : run;
        try
        {
            // After a failed write the log begins anew, but not before what is in it was shipped.
            if (!log.Failed || !stream.Levels().HasLog)
                takes = await log.AppendAsync(stream.LogHead!, logged, ct) == AppendOutcome.Appended
                    ? ReasonCode.None
                    : ReasonCode.OutboxLogFull;
        }
        catch (Exception e) when (e is StorageException or JournalException)
        {
            if (stream.LogTakes != takes) LogLogRefused(_options.Group, takes, e.Message);
        }
        if (takes == ReasonCode.OutboxLogFull && stream.LogTakes != takes)
            LogLogRefused(_options.Group, takes, "no room");
        stream.LogTakes = takes;
        stream.EndSpill(run, takes == ReasonCode.None);
        return takes == ReasonCode.None;
    }

    private async Task TrimAsync(OutboxLog log, long durable, CancellationToken ct)
    {
        try
        {
            await log.TrimAsync(durable, ct);
        }
        catch (Exception e) when (e is StorageException or JournalException)
        {
            // It is longer than it must be; the next append finds out whether it can go on.
            LogLogRefused(_options.Group, ReasonCode.OutboxLogFailed, e.Message);
        }
    }

    private async Task ReadForeverAsync(CancellationToken ct)
    {
        while (true)
        {
            if (_log is { } log && _stream is { } stream && LogIsFor(stream)
                && stream.WantsRead(out var from, out var last, out var buffer))
                await ReadAsync(log, stream, from, last, buffer, ct);
            else await _toRead.WaitAsync(ct);
        }
    }

    private async Task ReadAsync(OutboxLog log, CaptureStream stream, long from, long last, Memory<byte> buffer,
        CancellationToken ct)
    {
        try
        {
            stream.OfferRead(await log.ReadAsync(from, last, buffer, ct));
        }
        catch (Exception e) when (e is StorageException or JournalException)
        {
            LogLogUnreadable(_options.Group, from, e.Message);
            _logDamage = new LogDamage(e.Message, _time.GetUtcNow());
            // It is given up for good: else each session would come as far as here and no further.
            _spoilt = stream.StreamId;
            await TryClearAsync(log, ct);
            if (stream == _stream) Leave(ReasonCode.OutboxLogFailed, e.Message);
        }
    }

    private async Task TryClearAsync(OutboxLog log, CancellationToken ct)
    {
        try
        {
            await log.ClearAsync(ct);
        }
        catch (StorageException e)
        {
            LogLogRefused(_options.Group, ReasonCode.OutboxLogFailed, e.Message);
        }
    }

    /// <summary>A stream for what an earlier one left in the log; null: nothing that this replica can take.</summary>
    private async Task<CaptureStream?> LeftAsync(HelloReply reply, CancellationToken ct)
    {
        if (_log is not { } log) return null;
        LeftLog? left;
        try
        {
            left = await log.OpenLeftAsync(
                _options.Group, _options.Epoch, reply.Replica, reply.StreamId, reply.Durable, ct);
        }
        catch (StorageException e)
        {
            LogLogUnreadable(_options.Group, reply.Durable + 1, e.Message);
            _logDamage = new LogDamage(e.Message, _time.GetUtcNow());
            return null;
        }
        if (left is null || left.StreamId == _spoilt) return null;
        var options = StreamOptions(left.StreamId, reply);
        var stream = new CaptureStream(options, left, _time, EndsOf(left.StreamId, reply)!);
        BehindSince ??= DateTimeOffset.UnixEpoch + TimeSpan.FromMicroseconds(left.OldestMicros);
        LogLogFound(_options.Group, reply.Durable + 1, left.Last, left.Bytes);
        return stream;
    }

    private LogEnds? EndsOf(Guid streamId, HelloReply reply) => _log is null ? null : new LogEnds(
        new LogHead(LogHead.CurrentVersion, _options.Group, _options.Epoch.Value, reply.Replica, streamId,
            reply.StreamId, reply.Durable), _toSpill, _toRead);

    private OutboxState RungNow()
    {
        var now = _time.GetUtcNow();
        if (_stream is not { } stream) return new OutboxState(OutboxRung.ChangeMap, _state.Reason, now, 0, 0);
        var (memory, log, hasLog) = stream.Levels();
        if (stream.IsGivenUp || stream.IsLeft)
        {
            var given = stream.GivenUpReason;
            return new OutboxState(OutboxRung.ChangeMap, given == ReasonCode.None ? _state.Reason : given, now, 0, log);
        }
        if (!hasLog) return new OutboxState(OutboxRung.Memory, ReasonCode.None, now, memory, 0);
        var why = Held is not null ? ReasonCode.SuspendedByOperator
            : _connected ? ReasonCode.OutboxFull
            : ReasonCode.LinkDown;
        return new OutboxState(OutboxRung.Log, why, now, memory, log);
    }

    /// <summary>As it is now; the time is from when this rung was first seen.</summary>
    private OutboxState Rung()
    {
        var now = RungNow();
        lock (_gate) return now.Rung == _rung.Rung ? now with { Since = _rung.Since } : now;
    }

    private void NoteRung()
    {
        var now = RungNow();
        lock (_gate)
        {
            var before = _rung;
            _rung = now.Rung == before.Rung ? now with { Since = before.Since } : now;
            if (now.Rung == before.Rung) return;
        }
        LogRungChanged(_options.Group, now.Rung, now.Reason, now.MemoryBytes, now.LogBytes);
    }

    [LoggerMessage(ReplicationEvents.RungChanged, LogLevel.Information,
        "Outbox of {Group} is now {Rung}: {Reason}; {MemoryBytes} bytes in memory, {LogBytes} in the log")]
    private partial void LogRungChanged(
        string group, OutboxRung rung, ReasonCode reason, long memoryBytes, long logBytes);

    [LoggerMessage(ReplicationEvents.LogRefused, LogLevel.Warning,
        "Outbox log of {Group} takes nothing: {Reason}: {Detail}")]
    private partial void LogLogRefused(string group, ReasonCode reason, string detail);

    [LoggerMessage(ReplicationEvents.LogFound, LogLevel.Information,
        "Outbox log of {Group} has records {First} to {Last} of an earlier stream, {Bytes} bytes: they are sent first")]
    private partial void LogLogFound(string group, long first, long last, long bytes);

    [LoggerMessage(ReplicationEvents.LogUnreadable, LogLevel.Error,
        "Outbox log of {Group} cannot be read from record {From} on: {Detail}")]
    private partial void LogLogUnreadable(string group, long from, string detail);
}
