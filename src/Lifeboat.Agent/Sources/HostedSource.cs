// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using Lifeboat.Agent.Capture;
using Lifeboat.Agent.Capture.Moments;
using Lifeboat.Agent.Keys;
using Lifeboat.Agent.Quiesce;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Journaling.Sealing;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Replication.Checkpoints;
using Lifeboat.Replication.Moments;
using Lifeboat.Replication.Shipping;
using Lifeboat.Volumes.Files;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Sources;

/// <summary>One group that this agent is the source of: the engine's source, its taps, its quiesced points.</summary>
internal sealed partial class HostedSource : IAsyncDisposable
{
    private readonly AgentParts _parts;
    private readonly GroupSource _source;
    private readonly IReadOnlyList<QmpDiskTap> _taps;
    private readonly IMomentTap? _moments;
    private readonly RestWatch? _rests;
    private readonly CancellationTokenSource _stop = new();
    private readonly QuiescedCheckpoint _quiesced;
    private readonly SemaphoreSlim _quiescing = new(1, 1);
    private readonly ILogger _logger;
    private readonly Task _running;
    private readonly Task _periodic;

    private HostedSource(SourceSpec spec, AgentParts parts, IStorage? log, bool arrives)
    {
        Spec = spec;
        _parts = parts;
        _logger = parts.Logs.CreateLogger<HostedSource>();
        var disks = spec.Volumes.Select(v => (Volume: v, Tap: new QmpDiskTap(parts.Monitors.Of(v.QmpSocket),
            parts.Gateway, v, parts.Time, parts.Logs.CreateLogger<QmpDiskTap>()))).ToList();
        _taps = [.. disks.Select(d => d.Tap)];
        (_moments, _rests) = MomentTap(spec, _taps, parts);
        _source = new GroupSource(new GroupSourceOptions
        {
            Group = spec.Group,
            RecoverySite = spec.RecoverySite,
            Epoch = spec.Epoch,
            Moves = spec.Moves,
            Arrives = arrives,
            Target = spec.Target,
            Volumes = [.. disks.Select(d => new SourceDisk(d.Volume.Index, d.Volume.Name, d.Volume.SizeBytes,
                _moments is null ? d.Tap : null))],
            Moments = _moments is null ? null : new MomentOptions(
                _moments, spec.Policy.SourcePeriod, spec.Policy.SourceTrigger),
            Policy = spec.Policy,
            Budget = parts.Links.Of(spec.RecoverySite),
            Log = log,
            Maps = MapsStorage(spec.Group, parts),
            Suspension = spec.Suspension,
            Seed = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))),
        }, parts.Link, parts.Time, parts.Logs.CreateLogger<GroupSource>());
        _quiesced = new QuiescedCheckpoint(new SourceQuiesce(() => Spec, parts.Quiesces), parts.Time,
            parts.Logs.CreateLogger<QuiescedCheckpoint>());
        _meter = SourceMeter.Open(MeterFolder(parts), spec.Group);
        _metering = MeterAsync(_stop.Token);
        _running = RunAsync();
        _periodic = QuiescePeriodicallyAsync(_stop.Token);
    }

    public SourceSpec Spec { get; private set; }

    /// <param name="arrives">It begins in the place of another agent's.</param>
    public static async Task<HostedSource> StartAsync(
        SourceSpec spec, AgentParts parts, bool arrives, CancellationToken ct) =>
        new(spec, parts, spec.Policy.OutboxLogBytes > 0 ? await LogStorageAsync(spec, parts, ct) : null, arrives);

    /// <summary>It ended by a fault of its own and captures nothing; putting it again starts it anew.</summary>
    public bool HasFailed { get; private set; }

    public SourceStatus Status()
    {
        var now = _source.Snapshot();
        return new SourceStatus
        {
            Group = now.Group,
            Phase = (SourcePhase)now.Phase,
            Reason = now.Reason,
            Detail = now.Detail,
            Since = now.Since,
            Epoch = now.Epoch,
            CapturedSequence = now.CapturedSequence,
            DurableSequence = now.DurableSequence,
            OutboxBytes = now.OutboxBytes,
            Outbox = new OutboxStatus((Contracts.Agents.OutboxRung)now.Outbox.Rung, now.Outbox.Reason,
                now.Outbox.Since, now.Outbox.MemoryBytes, now.Outbox.LogBytes,
                now.LogDamage is { } damage ? new LogDamageStatus(damage.Detail, damage.FoundAt) : null),
            Suspension = now.Suspension,
            Lag = now.Lag,
            CapturedBytes = now.CapturedBytes,
            ShippedBytes = now.ShippedBytes,
            WireBytes = now.WireBytes,
            Totals = _meter.Totals(now),
            Packing = (FramePacking)now.Compression,
            LastResync = (ResyncKind)now.LastSync,
            ResyncMovedBytes = now.SyncMovedBytes,
            ResyncExaminedBytes = now.SyncExaminedBytes,
            ResyncDigestBytes = now.SyncDigestBytes,
            ResyncProgress = now.SyncProgress,
            Forecast = now.Forecast is { } f ? new SyncForecastStatus((ResyncKind)f.Kind, f.Since,
                (Contracts.Agents.ForecastBasis)f.Basis, f.ToMoveBytes, f.MovedBytes, f.ToCompareBytes,
                f.ComparedBytes, f.BytesPerSecond, f.Left) : null,
            Attaches = now.Attaches,
            LastSealed = now.LastSealed,
            LastQuiesce = _lastQuiesce,
            Moments = StatusOf(now.Moments),
            Volumes = [.. now.Volumes.Select(v => new VolumeStatus(v.Name, v.Captured, v.Detail, v.SizeBytes))],
        };
    }

    /// <summary>The spec, with the sizes that this source began with where disks have grown as it says.</summary>
    public SourceSpec WithSizesOf(SourceSpec spec)
    {
        var now = _source.Snapshot().Volumes.ToDictionary(v => v.Name, v => v.SizeBytes);
        var began = Spec.Volumes.ToDictionary(v => v.Name, v => v.SizeBytes);
        return spec.Sized(began.Where(b => spec.Volumes.Any(v =>
                v.Name == b.Key && v.SizeBytes == now.GetValueOrDefault(b.Key)))
            .ToDictionary(b => b.Key, b => b.Value));
    }

    /// <summary>Goes by another policy from now on, without a break in capture.</summary>
    public void Apply(Policy policy)
    {
        Spec = Spec with { Policy = policy };
        _source.ChangeCheckpointInterval(policy.CheckpointInterval);
        _source.ChangeMoments(policy.SourcePeriod, policy.SourceTrigger);
        _source.Ship(policy);
        Interlocked.Exchange(ref _policyChanged, NewSignal()).TrySetResult();
    }

    /// <summary>The log that takes what does not fit the memory of the outbox, a folder for each group.</summary>
    public static string LogFolder(AgentParts parts, string group) =>
        Path.Combine(parts.Paths.AgentState, "outbox", group);

    /// <summary>
    /// Where it is kept from where on the change maps are complete, a folder for each group. Not with the site: a
    /// backup of it would know nothing of the maps that were dropped since.
    /// </summary>
    public static string MapsFolder(AgentParts parts, string group) =>
        Path.Combine(parts.Paths.Volatile, "maps", group);

    // Without a disk for it maps are trusted as long as this agent lives; the next one compares.
    private static FileStorage? MapsStorage(string group, AgentParts parts)
    {
        try
        {
            return new FileStorage(MapsFolder(parts, group));
        }
        catch (StorageException e)
        {
            LogNoMaps(parts.Logs.CreateLogger<HostedSource>(), group, e.Message);
            return null;
        }
    }

    // Without a disk for it the group is protected all the same: memory, then change map.
    // The same when it would have to be encrypted and cannot be.
    private static async Task<IStorage?> LogStorageAsync(SourceSpec spec, AgentParts parts, CancellationToken ct)
    {
        var logger = parts.Logs.CreateLogger<HostedSource>();
        try
        {
            var folder = LogFolder(parts, spec.Group);
            var plain = new FileStorage(folder);
            // A log that was begun plain is shipped before one that is encrypted takes its place.
            var isNew = !await Journal.ExistsAsync(plain, ct);
            if (await StoreKeys.OfAsync(parts.Paths, spec.Group, folder, isNew, ct) is not { } key) return plain;
            if (isNew) await plain.DeleteAsync("head.json", ct);
            return new SealedStorage(plain, key, StoreKeys.NewSalt);
        }
        catch (Exception e) when (e is StorageException or ProblemException)
        {
            LogNoLog(logger, spec.Group, e.Message);
            return null;
        }
    }

    /// <summary>Another suspension is no other source: what is captured stays.</summary>
    public void Suspend(SourceSpec spec)
    {
        Spec = spec;
        _source.Suspend(spec.Suspension);
    }

    /// <exception cref="ProblemException">Timeout, or capture was given up meanwhile.</exception>
    public async Task DrainAsync(TimeSpan limit, CancellationToken ct)
    {
        // Cancelled by the caller (ct) or by the limit; only the latter is a time-out.
        using var late = new CancellationTokenSource(limit, _parts.Time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        try
        {
            if (await _source.DrainAsync(any.Token)) return;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            var now = _source.Snapshot();
            throw new ProblemException(ReasonCode.Timeout, $"group {Spec.Group} was not drained within {limit}",
                $"durable is {now.DurableSequence} of {now.CapturedSequence}; the source is {now.Phase}: {now.Reason}");
        }
        throw NotCapturing();
    }

    /// <returns>What could not be undone in the instances.</returns>
    public async Task<IReadOnlyList<string>> StopAsync(bool uninstall, CancellationToken ct)
    {
        var problems = await _source.StopAsync(uninstall, ct);
        await _stop.CancelAsync();
        if (uninstall && _rests is not null) await _rests.ForgetAsync(ct);
        return problems;
    }

    /// <summary>Lets go of the disks as they are: the change maps go on recording.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _periodic;
        await _metering;
        if (_moments is not null) await _moments.DisposeAsync();
        if (_rests is not null) await _rests.DisposeAsync();
        foreach (var tap in _taps) await tap.DisposeAsync();
    }

    private ProblemException NotCapturing()
    {
        var now = _source.Snapshot();
        return new ProblemException(now.Reason == ReasonCode.None ? ReasonCode.CaptureLost : now.Reason,
            $"group {Spec.Group} is not captured now", now.Detail);
    }

    private async Task RunAsync()
    {
        try
        {
            await _source.RunAsync(_stop.Token);
        }
        catch (Exception e)   // the top of the group's work: the guests are let go, the agent goes on for other groups
        {
            HasFailed = true;
            LogFailed(e, Spec.Group);
        }
    }

    [LoggerMessage(EventIds.NoMapsFolder, LogLevel.Error, "Nothing is kept of the change maps of {Group}: {Detail}")]
    private static partial void LogNoMaps(ILogger logger, string group, string detail);

    [LoggerMessage(EventIds.NoOutboxLog, LogLevel.Error, "There is no outbox log for {Group}: {Detail}")]
    private static partial void LogNoLog(ILogger logger, string group, string detail);

    [LoggerMessage(EventIds.SourceFailed, LogLevel.Critical,
        "The source of {Group} failed; its guests go on without us")]
    private partial void LogFailed(Exception e, string group);
}
