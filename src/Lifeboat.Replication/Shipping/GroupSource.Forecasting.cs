// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Resync;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Shipping;

// What a sync has yet to do, while it does it; in the log at its beginning, and at its end with what was foretold.
public sealed partial class GroupSource
{
    private long Shipped => Volatile.Read(ref _shippedBefore) + (_feed?.ShippedBytes ?? 0);

    private SyncCounters NewSync(SyncKind kind) => new(kind, _time, () => CapNow);

    // What the outbox holds is sent in order while the stream goes on: there is no batch, and no end but this.
    private SyncCounters NewReplay(long waiting, ReasonCode reason)
    {
        var before = Shipped;
        var sync = NewSync(SyncKind.Replay);
        sync.Replay(waiting, () => Math.Clamp(Shipped - before, 0, waiting));
        if (sync.Forecast() is { } forecast) TellBegun(sync, forecast, reason);
        return sync;
    }

    private static SyncForecast? ForecastOf(SourceState state, SyncCounters sync, long waiting) => state.Phase switch
    {
        GroupSourcePhase.InitialSync or GroupSourcePhase.Resyncing => sync.Forecast(waiting),
        GroupSourcePhase.Streaming when sync.Kind == SyncKind.Replay
            && sync.Forecast() is { } replay && replay.MovedBytes < replay.ToMoveBytes => replay,
        _ => null,
    };

    private void TellSync(CaptureStream stream)
    {
        var sync = _sync;
        if (!sync.Announced && stream.InBatch && sync.Forecast() is { } begun)
            TellBegun(sync, begun, SyncReason(stream));
        else if (sync is { Kind: SyncKind.Replay, Announced: true } && sync.Forecast() is { } replay
            && replay.MovedBytes >= replay.ToMoveBytes) TellEnded(sync);
    }

    private void TellBegun(SyncCounters sync, SyncForecast forecast, ReasonCode reason)
    {
        sync.Announced = true;
        LogSyncBegan(_options.Group, forecast.Kind, reason, forecast.ToMoveBytes, forecast.Basis,
            forecast.ToCompareBytes, forecast.Left);
    }

    private void TellEnded(SyncCounters sync)
    {
        if (!sync.Announced) return;
        sync.Announced = false;
        var moved = sync.Forecast()?.MovedBytes ?? sync.Moved;
        LogSyncEnded(_options.Group, sync.Kind, moved, sync.Prediction?.Bytes, sync.Took,
            sync.Prediction?.Whole, sync.Prediction?.Progress);
    }

    [LoggerMessage(ReplicationEvents.SyncBegan, LogLevel.Information,
        "Sync of {Group} by {Kind} begins ({Reason}): {ToMove} bytes to move ({Basis}), {ToCompare} to compare, "
        + "{Left} left at the link's cap")]
    private partial void LogSyncBegan(string group, SyncKind kind, ReasonCode reason, long? toMove,
        ForecastBasis basis, long toCompare, TimeSpan? left);

    [LoggerMessage(ReplicationEvents.SyncEnded, LogLevel.Information,
        "Sync of {Group} by {Kind} ended: {Moved} bytes moved of {Foretold} foretold, in {Took} of {Predicted} "
        + "foretold at {Progress:P0}")]
    private partial void LogSyncEnded(string group, SyncKind kind, long moved, long? foretold, TimeSpan took,
        TimeSpan? predicted, double? progress);
}
