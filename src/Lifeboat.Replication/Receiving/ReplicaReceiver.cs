// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Replicas;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Receiving;

// The recovery site's end of a group: one session at a time, the newest wins.
//
// Invariants
//   Nothing is acknowledged before it is flushed, and what a hello reply says is durable was flushed before it was
// said.
//   A session of an older epoch, or of a site that is not the group's primary, appends nothing.
//   An older session has ended, its last append included, before a newer one is answered.
public sealed partial class ReplicaReceiver
{
    private readonly Replica _replica;
    private readonly ReceiverOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<ReplicaReceiver> _logger;
    private readonly EngineFlaws _flaws;
    private readonly Lock _gate = new();
    private ReceiverSession? _session;
    private long _receivedBytes, _refused;
    private volatile Ending _last = new(ReasonCode.LinkDown, "no source has connected yet");

    public ReplicaReceiver(Replica replica, ReceiverOptions options, TimeProvider time, ILogger<ReplicaReceiver> logger)
        : this(replica, options, time, logger, EngineFlaws.None)
    {
    }

    internal ReplicaReceiver(Replica replica, ReceiverOptions options, TimeProvider time,
        ILogger<ReplicaReceiver> logger, EngineFlaws flaws)
    {
        if (options.Problems().FirstOrDefault() is { } problem) throw new ArgumentException(problem, nameof(options));
        (_replica, _options, _time, _logger, _flaws) = (replica, options, time, logger, flaws);
        if (flaws != EngineFlaws.None) replica.Flaws = flaws;
        Group = replica.Definition.Group;
    }

    public string Group { get; }
    internal Replica Replica => _replica;
    internal ReceiverOptions Options => _options;
    internal EngineFlaws Flaws => _flaws;

    public ReceiverSnapshot Snapshot()
    {
        bool connected;
        lock (_gate) connected = _session is { Answered: true };
        var last = _last;
        return new ReceiverSnapshot(connected, connected ? ReasonCode.None : last.Reason,
            connected ? null : last.Detail, Volatile.Read(ref _receivedBytes), Volatile.Read(ref _refused));
    }

    /// <summary>
    /// Serves one accepted connection until it ends. The connection stays the caller's to dispose.
    /// </summary>
    /// <exception cref="LinkException">The session broke, or the peer does not keep to the protocol.</exception>
    /// <exception cref="StorageException">The journal failed: the replica must be opened anew, this receiver is
    /// done.</exception>
    public async Task RunAsync(ILinkConnection connection, Hello hello, CancellationToken ct)
    {
        if (Problem(connection, hello) is { } refused)
        {
            await RefuseAsync(connection, refused, ct);
            return;
        }
        var session = new ReceiverSession(this, connection, hello, _time);
        try
        {
            await TakeOverAsync(session, ct);
            var end = await session.RunAsync(ct);
            if (end.Reason is ReasonCode.StaleEpoch or ReasonCode.Migrated) CountRefused();
            _last = new Ending(end.Reason, end.Detail);
            LogEnded(Group, connection.PeerSite, end.Reason, end.Detail);
        }
        catch (LinkException e)
        {
            _last = new Ending(ReasonCode.LinkDown, e.Message);
            throw;
        }
        catch (Exception e) when (e is StorageException or ReplicaException)
        {
            _last = new Ending(ReasonCode.JournalCorrupt, e.Message);
            throw;
        }
        finally
        {
            lock (_gate)
                if (_session == session) _session = null;
            session.Gone();
        }
    }

    /// <summary>
    /// Once this returns no frame of an older epoch is accepted, nor in this epoch one of an agent that the source was
    /// moved away from, and a session of such is told so and ended.
    /// </summary>
    public async Task RaiseEpochAsync(Epoch epoch, long moves, CancellationToken ct)
    {
        await _replica.RaiseEpochAsync(epoch, moves, ct);
        ReceiverSession? session;
        lock (_gate) session = _session;
        if (session is not null && Behind(session.Epoch, session.Moves) is { } refused) session.Order(refused);
    }

    /// <summary>Why a source of this epoch, moved this often, is not heard; null: it is the present one.</summary>
    internal Refused? Behind(Epoch epoch, long moves)
    {
        if (!_replica.IsBehind(epoch, moves)) return null;
        if (epoch < _replica.Epoch)
            return _flaws.AcceptOldEpoch ? null : new Refused(ReasonCode.StaleEpoch, _replica.Epoch,
                $"epoch {epoch} is over, the group is in {_replica.Epoch}");
        return _flaws.AcceptOldAgent ? null : new Refused(ReasonCode.Migrated, _replica.Epoch,
            $"the source was moved to another agent (move {_replica.Moves}, this is {moves})");
    }

    /// <summary>Ends the session, if one runs, before the replica is closed.</summary>
    public async Task StopAsync(CancellationToken ct)
    {
        ReceiverSession? session;
        lock (_gate) session = _session;
        if (session is null) return;
        session.Cancel();
        await session.Ended.ArriveAsync(ct);
    }

    internal void CountReceived(long bytes) => Interlocked.Add(ref _receivedBytes, bytes);

    private void CountRefused() => Interlocked.Increment(ref _refused);

    private Refused? Problem(ILinkConnection connection, Hello hello)
    {
        var peer = connection.PeerSite;
        var epoch = _replica.Epoch;
        if (peer != _options.PrimarySite)
            return new Refused(ReasonCode.PrimaryMoved, epoch, $"{peer} is not the primary site of {Group}");
        if (Behind(hello.Epoch, hello.Moves) is { } behind) return behind;
        var sizes = _replica.Sizes;
        foreach (var volume in hello.Volumes)
        {
            if (!sizes.TryGetValue(volume.Index, out var mine))
                return new Refused(ReasonCode.VolumeUnknown, epoch, $"no volume {volume.Index} here");
            // From version 3 on the stream itself states sizes, and the source may know an older one than we do.
            if (connection.Version >= 3 || mine == volume.SizeBytes) continue;
            return new Refused(mine < volume.SizeBytes ? ReasonCode.TargetTooSmall : ReasonCode.InvalidRequest, epoch,
                $"volume {volume.Index} has {mine} bytes here, {volume.SizeBytes} at the source");
        }
        // A volume that the source does not know of yet is not there yet.
        return sizes.All(s => s.Value == 0 || hello.Volumes.Any(v => v.Index == s.Key))
            ? null
            : new Refused(ReasonCode.InvalidRequest, epoch, "the source ships other volumes");
    }

    private async Task RefuseAsync(ILinkConnection connection, Refused refused, CancellationToken ct)
    {
        CountRefused();
        _last = new Ending(refused.Reason, refused.Detail);
        LogRefused(Group, connection.PeerSite, refused.Reason, refused.Detail);
        await LinkAcceptor.SendLastAsync(connection, refused, _options.Timings, _time, ct);
    }

    private async Task TakeOverAsync(ReceiverSession session, CancellationToken ct)
    {
        ReceiverSession? older;
        lock (_gate) (older, _session) = (_session, session);
        if (older is null) return;
        older.Cancel();
        await older.Ended.ArriveAsync(ct);
    }

    private sealed record Ending(ReasonCode Reason, string Detail);

    internal void LogAccepted(string site, Epoch epoch, long durable) => LogAccepted(Group, site, epoch, durable);

    [LoggerMessage(ReplicationEvents.ReceiverAccepted, LogLevel.Information,
        "Replica of {Group} accepted {Site} in epoch {Epoch}; durable is {Durable}")]
    private partial void LogAccepted(string group, string site, Epoch epoch, long durable);

    [LoggerMessage(ReplicationEvents.ReceiverRefused, LogLevel.Warning,
        "Replica of {Group} refused {Site}: {Reason} {Detail}")]
    private partial void LogRefused(string group, string site, ReasonCode reason, string detail);

    [LoggerMessage(ReplicationEvents.ReceiverEnded, LogLevel.Information,
        "Replica of {Group} and {Site} parted: {Reason} {Detail}")]
    private partial void LogEnded(string group, string site, ReasonCode reason, string detail);
}
