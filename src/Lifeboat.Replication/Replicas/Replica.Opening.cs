// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Replication.Replicas;

public sealed partial class Replica
{
    /// <summary>
    /// Opens the replica in this storage, or makes it when there is none. A higher epoch is taken over.
    /// </summary>
    /// <exception cref="ReplicaException">DefinitionChanged, or Corrupt.</exception>
    /// <exception cref="ReplicaStoreException">A base image cannot be had.</exception>
    public static async Task<Replica> OpenAsync(ReplicaDefinition definition, ReplicaOptions options,
        IStorage storage, IReplicaStore store, TimeProvider time, CancellationToken ct)
    {
        if (options.Problems().FirstOrDefault() is { } problem) throw new ArgumentException(problem, nameof(options));
        // A killed process may have renamed a manifest that it did not live to sync: what is read must be durable.
        await storage.SyncAsync(ct);
        var found = await ReplicaManifest.ReadAsync(storage, ct);
        var replica = new Replica(definition, options, storage, time, found ?? NewManifest(definition, options));
        try
        {
            if (found is not null) CheckDefinition(found, definition);
            await replica.OpenImagesAsync(store, ct);
            await replica.OpenJournalAsync(found is null, ct);
            if (found is null || definition.Epoch.Value > found.Epoch)
                await replica.ChangeAsync(m => m with { Epoch = Math.Max(m.Epoch, definition.Epoch.Value) }, ct);
            await replica.RecoverAsync(ct);
            await SpareRoom.KeepAsync(storage, ct);
            return replica;
        }
        catch (JournalException e)
        {
            await replica.CloseFilesAsync();
            throw JournalFailure.Translate(e);
        }
        catch
        {
            await replica.CloseFilesAsync();
            throw;
        }
    }

    /// <summary>
    /// Removes a replica that is not open: images (but no target disk of the user), journal, manifest.
    /// </summary>
    public static async Task DeleteAsync(ReplicaDefinition definition, IStorage storage, IReplicaStore store,
        CancellationToken ct)
    {
        // First: what is left of a replica must never pass for one, since change maps name its id.
        await ReplicaManifest.DeleteAsync(storage, ct);
        foreach (var name in await storage.ListAsync(ct)) await storage.DeleteAsync(name, ct);
        await storage.SyncAsync(ct);
        foreach (var volume in definition.Volumes) await store.DeleteAsync(SpecOf(definition, volume), ct);
    }

    private static ReplicaManifest NewManifest(ReplicaDefinition definition, ReplicaOptions options) => new(
        ReplicaManifest.CurrentVersion, options.NewId(), definition.Group, definition.Epoch.Value, Folded: 0,
        FoldingTo: 0, Guid.Empty, InBatch: false,
        Seeded: definition.Volumes.Any(v => v.SeedFile is not null || v.TargetDisk is not null),
        VolumesOf(definition), [], []);

    private static ManifestVolume[] VolumesOf(ReplicaDefinition definition) =>
        [.. definition.Volumes.OrderBy(v => v.Index).Select(v => new ManifestVolume(v.Index, v.Name, v.SizeBytes))];

    private static void CheckDefinition(ReplicaManifest found, ReplicaDefinition definition)
    {
        if (found.Group != definition.Group || !found.Volumes.SequenceEqual(VolumesOf(definition)))
            throw new ReplicaException(ReplicaFault.DefinitionChanged,
                $"the replica was made for {Describe(found.Group, found.Volumes)}, "
                + $"not for {Describe(definition.Group, VolumesOf(definition))}");
    }

    private static string Describe(string group, IEnumerable<ManifestVolume> volumes) =>
        $"{group} ({string.Join(", ", volumes.Select(v => $"{v.Index} {v.Name}: {v.SizeBytes} bytes"))})";

    // A new replica has its journal before its manifest. So a manifest alone, or records without one, mean that
    // something was lost, and must not pass for a replica: change maps at the source are relative to its id.
    private async Task OpenJournalAsync(bool isNew, CancellationToken ct)
    {
        if (!isNew && !await Journal.ExistsAsync(_storage, ct))
            throw new ReplicaException(ReplicaFault.Corrupt, "there is a manifest.json but no journal");
        // The checkpoint at F itself stays in the journal, since its point can still be opened.
        _journal = await Journal.OpenAsync(_storage, _options.Journal, Math.Max(0, FoldedSequence - 1), ct);
        if (_journal.LastSequence < FoldedSequence)
            throw new ReplicaException(ReplicaFault.Corrupt,
                $"the journal ends at {_journal.LastSequence}, the base stands at {FoldedSequence}");
        if (isNew && _journal.LastSequence > 0)
            throw new ReplicaException(ReplicaFault.Corrupt, "there is a journal but no manifest.json");
    }

    private static BaseImageSpec SpecOf(ReplicaDefinition definition, ReplicaVolume volume) =>
        new(definition.Group, volume.Name, volume.SizeBytes, volume.SeedFile, volume.TargetDisk,
            volume.SeedFormat);

    private async Task OpenImagesAsync(IReplicaStore store, CancellationToken ct)
    {
        foreach (var volume in Definition.Volumes)
            _images.Add(volume.Index, await store.OpenAsync(SpecOf(Definition, volume), ct));
    }

    private async Task RecoverAsync(CancellationToken ct)
    {
        var folded = FoldedSequence;
        await DropOrphanOverlaysAsync(ct);
        var points = new List<RecoveryPoint>();
        foreach (var sequence in await _journal.MarksAsync(Math.Max(1, folded), ct))
        {
            var reader = _journal.Read(sequence, sequence);
            await reader.ReadAsync(ct);
            _marks.Add(reader.Header);
            if (sequence > folded) _stream = _stream.After(reader.Header, reader.Data.Span);
            if (sequence >= _manifest.FoldingTo && TryReadPoint(reader) is { } point) points.Add(point);
        }
        _points = [.. points.Select(Seal)];
    }

    private static RecoveryPoint? TryReadPoint(JournalReader reader) =>
        reader.Header.Kind == RecordKind.Checkpoint && !reader.Header.Flags.HasFlag(RecordFlags.Withdrawn)
        && CheckpointPayload.TryDecode(reader.Data.Span, out var point) ? point : null;
}
