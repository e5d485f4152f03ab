// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Groups;
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Receiving;
using Lifeboat.Replication.Replicas;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Replicas;

/// <summary>The groups this agent keeps replicas of, kept on disk over restarts.</summary>
internal sealed partial class ReplicaRoster : IAsyncDisposable
{
    private readonly AgentParts _parts;
    private readonly SpecFiles<ReplicaSpec> _files;
    private readonly ConcurrentDictionary<string, HostedReplica> _replicas = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (ReasonCode Reason, string Why)> _broken =
        new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _changing = new(1, 1);
    private readonly LinkAcceptor _acceptor;
    private readonly ILogger _logger;

    public ReplicaRoster(AgentParts parts)
    {
        _parts = parts;
        _files = new SpecFiles<ReplicaSpec>(Path.Combine(parts.Paths.AgentState, "replicas"));
        _acceptor = new LinkAcceptor(LinkTimings.Default, parts.Time, parts.Logs.CreateLogger<LinkAcceptor>());
        _logger = parts.Logs.CreateLogger<ReplicaRoster>();
    }

    public IReadOnlyList<string> Groups =>
        [.. _replicas.Keys.Concat(_broken.Keys).Where(GroupName.IsValid).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>Those that follow a source; kept states do not.</summary>
    public IReadOnlyList<HostedReplica> All() => [.. _replicas.Values.Where(r => r.Spec.Keep is null)];

    /// <summary>Bytes of records that have come since they were opened.</summary>
    public long ReceivedBytes => _replicas.Values.Sum(r => r.Receiver.Snapshot().ReceivedBytes);

    /// <summary>Nothing comes in: what is kept for the next of it goes.</summary>
    public async Task SpareMemoryAsync(CancellationToken ct)
    {
        foreach (var hosted in _replicas.Values) await hosted.SpareMemoryAsync(ct);
    }

    public async Task RestoreAsync(CancellationToken ct)
    {
        foreach (var spec in await _files.LoadAsync(ct)) await TryOpenAsync(spec, ct);
        // One that was let go when the agent was killed.
        foreach (var kept in _replicas.Values.Where(r => r.Spec.Keep is not null)) await ReleaseAsync(kept, ct);
        LogRestored(_replicas.Count);
    }

    /// <summary>Serves a link to its end; a replica whose journal fails under it is opened anew.</summary>
    public async Task ServeAsync(ILinkConnection connection, CancellationToken ct)
    {
        try
        {
            await _acceptor.ServeAsync(connection, ct);
        }
        catch (StorageException e)
        {
            LogJournalFailed(e.Message);
            foreach (var hosted in _replicas.Values)
                if (hosted.Receiver.Snapshot().Reason == ReasonCode.JournalCorrupt) await ReopenAsync(hosted, ct);
        }
    }

    /// <exception cref="ProblemException">
    /// GroupUnknown; JournalCorrupt, KeyUnavailable or StoreUnavailable: it cannot be opened.
    /// </exception>
    public HostedReplica Get(string group)
    {
        if (_replicas.TryGetValue(group, out var replica)) return replica;
        throw _broken.TryGetValue(group, out var why)
            ? new ProblemException(why.Reason, $"the replica of {group} cannot be opened", why.Why)
            : new ProblemException(ReasonCode.GroupUnknown, $"this agent has no replica of a group '{group}'");
    }

    public async Task<ReplicaStatus> PutAsync(ReplicaSpec spec, CancellationToken ct)
    {
        ReplicaChecks.Form(spec, keeps: false);
        await _changing.WaitAsync(ct);
        try
        {
            var present = _replicas.GetValueOrDefault(spec.Group);
            if (present is not null && SpecFiles<ReplicaSpec>.AreSame(present.Spec, spec)) return present.Status();
            if (present is not null && SpecFiles<ReplicaSpec>.AreSame(
                present.Spec with { Retention = spec.Retention, Volumes = Resized(present.Spec, spec) }, spec))
            {
                await _files.SaveAsync(spec.Group, spec, ct);
                present.Apply(spec);
                return present.Status();
            }
            if (present is null) await ReplicaChecks.PlacesAsync(spec, _parts, ct);
            else if (spec.Epoch < present.Spec.Epoch)
                throw new ProblemException(ReasonCode.StaleEpoch,
                    $"group {spec.Group} is in epoch {present.Spec.Epoch} here, the request says {spec.Epoch}");
            if (present is not null) await CloseAsync(present);
            return await OpenNewAsync(spec, present?.Spec, ct);
        }
        finally
        {
            _changing.Release();
        }
    }

    public async Task DeleteAsync(string group, CancellationToken ct)
    {
        if (!GroupName.IsValid(group)) return;
        await _changing.WaitAsync(ct);
        try
        {
            await DeleteLockedAsync(group, ct);
        }
        finally
        {
            _changing.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var hosted in _replicas.Values) await hosted.DisposeAsync();
        _changing.Dispose();
    }

    private async Task DeleteLockedAsync(string key, CancellationToken ct)
    {
        if (_replicas.TryGetValue(key, out var hosted))
        {
            await hosted.CloseAllViewsAsync(ct);
            await CloseAsync(hosted);
        }
        // Of images in a cluster nothing would tell any more. One that is gone is missed by a replica that comes back.
        await RemoveImagesAsync(key, hosted?.Spec, ct);
        _broken.TryRemove(key, out _);
        // The spec goes first: were the files gone and it still there, an empty replica would come back.
        await _files.DeleteAsync(key, ct);
        RemoveFiles(key);
        LogRemoved(key);
    }

    // How long a volume is, the stream says: another size is no other replica.
    private static IReadOnlyList<Contracts.Agents.ReplicaVolume> Resized(ReplicaSpec present, ReplicaSpec spec) =>
    [
        .. present.Volumes.Select(v => spec.Volumes.FirstOrDefault(s => s.Index == v.Index) is { } same
            ? v with { SizeBytes = same.SizeBytes } : v),
    ];

    private async Task<ReplicaStatus> OpenNewAsync(ReplicaSpec spec, ReplicaSpec? before, CancellationToken ct)
    {
        try
        {
            var hosted = await HostedReplica.OpenAsync(spec, _parts, ct);
            await _files.SaveAsync(spec.Key, spec, ct);
            Take(hosted);
            _broken.TryRemove(spec.Key, out _);
            return hosted.Status();
        }
        catch (Exception e) when (e is ReplicaException or ReplicaStoreException or StorageException
            or ProblemException)
        {
            // As it was before: the old one is opened again, a new one leaves nothing behind. One that is there and
            // cannot be opened now, for want of a key or a disk, is neither.
            if (before is not null) await TryOpenAsync(before, ct);
            else if (!_broken.ContainsKey(spec.Key)) await RemoveHalfMadeAsync(spec.Key, ct);
            throw;
        }
    }

    private async Task ReopenAsync(HostedReplica hosted, CancellationToken ct)
    {
        await _changing.WaitAsync(ct);
        try
        {
            if (_replicas.GetValueOrDefault(hosted.Spec.Key) != hosted) return;
            await CloseAsync(hosted);
            await TryOpenAsync(hosted.Spec, ct);
        }
        finally
        {
            _changing.Release();
        }
    }

    private async Task TryOpenAsync(ReplicaSpec spec, CancellationToken ct)
    {
        try
        {
            Take(await HostedReplica.OpenAsync(spec, _parts, ct));
            _broken.TryRemove(spec.Key, out _);
        }
        catch (Exception e) when (e is ReplicaException or ReplicaStoreException or StorageException
            or ProblemException)
        {
            _broken[spec.Key] = e switch
            {
                ProblemException { Reason: ReasonCode.KeyUnavailable } locked =>
                    (locked.Reason, $"{locked.Message}: {locked.Detail}"),
                ReplicaStoreException { Fault: ReplicaStoreFault.Unavailable } =>
                    (ReasonCode.StoreUnavailable, e.Message),
                _ => (ReasonCode.JournalCorrupt, e.Message),
            };
            LogNotOpened(e, spec.Key);
        }
    }

    private void Take(HostedReplica hosted)
    {
        _replicas[hosted.Spec.Key] = hosted;
        // Nobody ships into a kept state.
        if (hosted.Spec.Keep is null) _acceptor.Put(hosted.Receiver);
    }

    private async Task CloseAsync(HostedReplica hosted)
    {
        if (hosted.Spec.Keep is null) _acceptor.Remove(hosted.Spec.Group);
        _replicas.TryRemove(hosted.Spec.Key, out _);
        await hosted.DisposeAsync();
    }

    private async Task RemoveImagesAsync(string key, ReplicaSpec? spec, CancellationToken ct)
    {
        try
        {
            await HostedReplica.Store(_parts).DeleteGroupAsync(key, ct);
        }
        catch (ReplicaStoreException)
        {
            // It is not removed, so it is there: deleting can be tried again.
            if (spec is not null) await TryOpenAsync(spec, ct);
            throw;
        }
    }

    // Whoever cannot reach the store that the images would be in has made none, or is told of what he has to remove.
    private async Task RemoveHalfMadeAsync(string key, CancellationToken ct)
    {
        try
        {
            await HostedReplica.Store(_parts).DeleteGroupAsync(key, ct);
        }
        catch (ReplicaStoreException e)
        {
            LogImagesLeft(key, e.Message);
        }
        RemoveFiles(key);
    }

    // Disks that the user named lie elsewhere and are left alone.
    private void RemoveFiles(string key)
    {
        var directory = HostedReplica.DirectoryOf(_parts, key);
        if (Directory.Exists(directory)) Directory.Delete(directory, recursive: true);
        var views = Path.Combine(_parts.Paths.AgentState, "views", key);
        if (Directory.Exists(views)) Directory.Delete(views, recursive: true);
    }

    [LoggerMessage(EventIds.ReplicasRestored, LogLevel.Information, "Went on with {Count} replicas")]
    private partial void LogRestored(int count);

    [LoggerMessage(EventIds.ReplicaRemoved, LogLevel.Information, "Removed the replica of {Group} with its history")]
    private partial void LogRemoved(string group);

    [LoggerMessage(EventIds.ImagesLeft, LogLevel.Warning,
        "Images of {Group} that were begun may be left in their pool: {Reason}")]
    private partial void LogImagesLeft(string group, string reason);

    [LoggerMessage(EventIds.ReplicaNotOpened, LogLevel.Error, "The replica of {Group} cannot be opened")]
    private partial void LogNotOpened(Exception e, string group);

    [LoggerMessage(EventIds.JournalFailed, LogLevel.Error, "A journal failed while receiving: {Reason}")]
    private partial void LogJournalFailed(string reason);
}
