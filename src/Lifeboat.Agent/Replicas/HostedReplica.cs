// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using Lifeboat.Agent.Keys;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Journaling.Sealing;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Receiving;
using Lifeboat.Replication.Replicas;
using Lifeboat.Replication.Replicas.Sealing;
using Lifeboat.Volumes.Files;
using Lifeboat.Volumes.Qemu;
using Lifeboat.Volumes.Qemu.Rbd;
using Microsoft.Extensions.Logging;
using Lifeboat.Qemu.Ceph;
using EngineVolume = Lifeboat.Replication.Replicas.ReplicaVolume;

namespace Lifeboat.Agent.Replicas;

/// <summary>One group that this agent keeps a replica of: the engine's replica, its receiver, folding, views.</summary>
internal sealed partial class HostedReplica : IAsyncDisposable
{
    private static readonly TimeSpan FoldEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FullPause = TimeSpan.FromSeconds(10);
    private const long FoldBudgetBytes = 64L << 20;

    private readonly bool _encrypted;
    private readonly AgentParts _parts;
    private readonly ILogger _logger;
    private readonly Replica _replica;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _folding;
    private readonly Lock _compareGate = new();
    private volatile string? _foldProblem;
    private ReplicaCompare? _compare;

    private HostedReplica(ReplicaSpec spec, AgentParts parts, Replica replica, bool encrypted)
    {
        Spec = spec;
        _encrypted = encrypted;
        _parts = parts;
        _logger = parts.Logs.CreateLogger<HostedReplica>();
        _replica = replica;
        Receiver = new ReplicaReceiver(replica, new ReceiverOptions { PrimarySite = spec.PrimarySite }, parts.Time,
            parts.Logs.CreateLogger<ReplicaReceiver>());
        _viewFiles = new SpecFiles<ViewInfo>(Path.Combine(parts.Paths.AgentState, "views", spec.Key));
        _scrubber = new ReplicaScrubber(replica, ScrubOptions.Default, parts.Time);
        _folding = FoldAsync(_stop.Token);
        _scrubbing = ScrubAsync(_stop.Token);
    }

    public ReplicaSpec Spec { get; private set; }
    public ReplicaReceiver Receiver { get; }
    public IReadOnlyList<RecoveryPoint> Points => _replica.Points;

    /// <summary>Of a kept state: what is to be said of it.</summary>
    public KeptInfo Kept() => new(Spec.Keep!.Pin, _replica.Points[0], _replica.Pins,
        [.. _views.Keys.Order(StringComparer.Ordinal)]);

    /// <summary>No pin and no view holds it.</summary>
    public bool IsFree => _replica.Pins.Count == 0 && _replica.Views.Count == 0;

    public static string DirectoryOf(AgentParts parts, string group) => Path.Combine(parts.Paths.Replicas, group);

    // What is there is opened by the driver that made it.
    public static QemuReplicaStore Store(AgentParts parts)
    {
        var site = SiteConfiguration.Read(parts.Paths.Root);
        return new QemuReplicaStore(parts.Paths.Replicas, parts.Paths.Run, parts.Time, site.ReplicaFormat switch
        {
            "qcow2" => BaseImageForm.Qcow2,
            "rbd" => BaseImageForm.Rbd,
            _ => BaseImageForm.Raw,
        }, site.Rbd is { } rbd ? new RbdPool(
            new CephAccess(rbd.ConfigurationFile, rbd.User, TimeSpan.FromSeconds(rbd.AnswerSeconds)), rbd.Pool,
            rbd.Namespace) : null);
    }

    public static async Task<HostedReplica> OpenAsync(ReplicaSpec spec, AgentParts parts, CancellationToken ct)
    {
        var definition = new ReplicaDefinition(spec.Key, spec.Epoch, [.. spec.Volumes.Select(v =>
            new EngineVolume(v.Index, v.Name, v.SizeBytes, v.SeedFile, v.TargetDisk, v.SeedFormat))], spec.Retention,
            spec.Keep is { } keep ? new OriginPoint(keep.Pin, keep.Label, keep.Epoch, keep.CutAt) : null);
        var options = new ReplicaOptions
        {
            NewId = Guid.NewGuid,
            Journal = new JournalOptions
            {
                NewSalt = () => BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))),
                // Nothing ever comes in.
                SegmentBytes = spec.Keep is null ? 64 << 20 : 1 << 20,
            },
        };
        var (storage, store, key) = await PlaceAsync(spec, parts, ct);
        var replica = await Replica.OpenAsync(definition, options, storage, store, parts.Time, ct);
        var hosted = new HostedReplica(spec, parts, replica, key is not null);
        try
        {
            await hosted.DropDigestViewsAsync(ct);
            await hosted.RestoreViewsAsync(ct);
            // What a killed agent was comparing must not hold history back.
            await replica.CloseViewAsync(ReplicaCompare.View, ct);
            return hosted;
        }
        catch
        {
            await hosted.DisposeAsync();
            throw;
        }
    }

    // A replica that is there stays as it was made.
    private static async Task<(IStorage Storage, IReplicaStore Store, StoreKey? Key)> PlaceAsync(
        ReplicaSpec spec, AgentParts parts, CancellationToken ct)
    {
        var folder = DirectoryOf(parts, spec.Key);
        var plain = new FileStorage(Path.Combine(folder, "journal"));
        var isNew = (await plain.ListAsync(ct)).Count == 0;
        if (await StoreKeys.OfAsync(parts.Paths, spec.Group, folder, isNew, ct) is not { } key)
            return (plain, Store(parts), null);
        var logger = parts.Logs.CreateLogger<HostedReplica>();
        var storage = new SealedStorage(
            plain, key, StoreKeys.NewSalt, (file, at) => LogHeadMended(logger, spec.Group, file, at));
        return (storage, new SealedReplicaStore(Store(parts), key, storage), key);
    }

    public ReplicaStatus Status()
    {
        var receiver = Receiver.Snapshot();
        var points = _replica.Points;
        var full = _foldProblem is not null && receiver.Reason == ReasonCode.None;
        var damage = DamageProblem();
        return new ReplicaStatus
        {
            Group = Spec.Group,
            ReplicaId = _replica.ReplicaId,
            Epoch = _replica.Epoch,
            Connected = receiver.Connected,
            Reason = full ? ReasonCode.TargetFull
                : damage is not null && receiver.Reason == ReasonCode.None ? ReasonCode.ReplicaDamaged
                : receiver.Reason,
            Detail = receiver.Detail ?? _foldProblem ?? damage,
            DurableSequence = _replica.DurableSequence,
            FoldedSequence = _replica.FoldedSequence,
            JournalBytes = _replica.JournalBytes,
            ReceivedBytes = receiver.ReceivedBytes,
            RefusedFrames = receiver.RefusedFrames,
            Points = points.Count,
            Newest = _replica.NewestSound ?? points.LastOrDefault(p => !p.IsOrigin),
            Oldest = points.Count > 0 ? points[0] : null,
            Views = [.. _views.Keys.Order(StringComparer.Ordinal)],
            Damages = [.. _replica.Damages.Select(Tell)],
            Scrub = ScrubNow(),
            Encrypted = _encrypted,
        };
    }

    /// <summary>Thins points out by other rules from the next fold on; nothing else of it differs but sizes.</summary>
    public void Apply(ReplicaSpec spec)
    {
        Spec = spec;
        _replica.Retention = spec.Retention;
    }

    public Task RaiseEpochAsync(Epoch epoch, long moves, CancellationToken ct) =>
        Receiver.RaiseEpochAsync(epoch, moves, ct);
    public Task PinAsync(PinRequest pin, CancellationToken ct) => _replica.PinAsync(pin.Name, pin.PointId, ct);
    public Task UnpinAsync(string name, CancellationToken ct) => _replica.UnpinAsync(name, ct);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _folding;
        await _scrubbing;
        if (_compare is { } compare) await compare.EndAsync();
        await Receiver.StopAsync(CancellationToken.None);
        foreach (var view in _views.Values) await view.DisposeAsync();
        await _replica.DisposeAsync();
    }

    // Folding is bounded work behind the window. A full or failing store stops it, not the replication: history stays
    // in the journal until there is room again.
    private async Task FoldAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            var pause = FoldEvery;
            try
            {
                var result = await _replica.FoldAsync(_parts.Time.GetUtcNow(), FoldBudgetBytes, ct);
                if (result.Outcome == FoldOutcome.Full) pause = Stall("the replica store has no room to fold history");
                else _foldProblem = null;
                if (result.Outcome == FoldOutcome.More) pause = TimeSpan.Zero;
                LogDamages();
            }
            catch (Exception e) when (e is StorageException or ReplicaException)
            {
                pause = Stall(e.Message);
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            await Task.Delay(pause, _parts.Time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <inheritdoc cref="Replica.SpareMemoryAsync"/>
    public Task SpareMemoryAsync(CancellationToken ct) => _replica.SpareMemoryAsync(ct);

    /// <summary>Begins to compare disks of this host with the replica, or says how far that is.</summary>
    public Task<ChangeReport> CompareAsync(CompareRequest request, CancellationToken ct)
    {
        lock (_compareGate)
        {
            if (_compare?.Answers(request) != true)
            {
                _compare = new ReplicaCompare(_replica, request, _parts.Time);
                _compare.Start(_stop.Token);
            }
            return _compare.ReportAsync(ct);
        }
    }

    private TimeSpan Stall(string problem)
    {
        if (_foldProblem != problem) LogFoldStalled(Spec.Key, problem);
        _foldProblem = problem;
        return FullPause;
    }

    [LoggerMessage(EventIds.SealedHeadMended, LogLevel.Warning,
        "Replica of {Group} was damaged and is whole: head of {File} at byte {At}")]
    private static partial void LogHeadMended(ILogger logger, string group, string file, long at);

    [LoggerMessage(EventIds.FoldStalled, LogLevel.Warning, "History of {Group} cannot be folded now: {Reason}")]
    private partial void LogFoldStalled(string group, string reason);
}
