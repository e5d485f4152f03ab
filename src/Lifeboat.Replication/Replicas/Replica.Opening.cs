// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas.Checksums;

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
        // All that is read here has a checksum: what a medium cannot give is damage like any other.
        storage = new SectorStorage(storage);
        // A killed process may have renamed a manifest that it did not live to sync: what is read must be durable.
        await storage.SyncAsync(ct);
        var read = await ManifestFile.ReadAsync(storage, ct);
        var found = read?.Manifest;
        var replica = new Replica(definition, options, storage, time, found
            ?? WithOrigin(NewManifest(definition, options), definition.Origin, options.NewId));
        try
        {
            if (found is not null) CheckDefinition(found, definition);
            await replica.OpenImagesAsync(store, found is null, ct);
            if (found is not null) await replica.AddVolumesAsync(ct);
            await replica.OpenJournalAsync(found is null, ct);
            if (found is null || definition.Epoch.Value > found.Epoch)
                await replica.ChangeAsync(m => m with { Epoch = Math.Max(m.Epoch, definition.Epoch.Value) }, ct);
            replica.RememberDamages();
            if (read is { Damaged: { } file }) replica.NoteManifest(file);
            await replica.RecoverSizesAsync(ct);
            await replica.DoFoldAgainAsync(ct);
            await replica.RecoverAsync(ct);
            await replica.SettleDamagesAsync(read is { Damaged: not null }, ct);
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
        await ManifestFile.DeleteAsync(storage, ct);
        foreach (var name in await storage.ListAsync(ct)) await storage.DeleteAsync(name, ct);
        await storage.SyncAsync(ct);
        foreach (var volume in definition.Volumes) await store.DeleteAsync(SpecOf(definition, volume), ct);
    }

    private static ReplicaManifest NewManifest(ReplicaDefinition definition, ReplicaOptions options) => new(
        ReplicaManifest.CurrentVersion, options.NewId(), definition.Group, definition.Epoch.Value, Folded: 0,
        FoldingTo: 0, Guid.Empty, InBatch: false,
        Seeded: definition.Volumes.Any(v => v.SeedFile is not null || v.TargetDisk is not null),
        VolumesOf(definition), [], [],
        [.. definition.Volumes.OrderBy(v => v.Index).Select(v =>
            new ManifestSums(v.Index, v.SeedFile is null && v.TargetDisk is null ? v.SizeBytes : 0))]);

    private static ReplicaManifest WithOrigin(ReplicaManifest manifest, OriginPoint? wanted, Func<Guid> newId)
    {
        if (wanted is null) return manifest;
        var origin = new ManifestOrigin(newId(), wanted.Label, wanted.Epoch.Value, wanted.CutAt);
        return manifest with { Origin = origin, Pins = [new ManifestPin(wanted.Pin, origin.PointId, 0)] };
    }

    private static ManifestVolume[] VolumesOf(ReplicaDefinition definition) =>
        [.. definition.Volumes.OrderBy(v => v.Index).Select(v => new ManifestVolume(v.Index, v.Name, v.SizeBytes))];

    private static void CheckDefinition(ReplicaManifest found, ReplicaDefinition definition)
    {
        // Sizes are the stream's to say, and a volume that is new to the group has none before it is in the stream.
        var known = definition.Volumes.Select(v => (v.Index, v.Name)).ToHashSet();
        if (found.Group != definition.Group || !found.Volumes.All(v => known.Contains((v.Index, v.Name)))
            || definition.Volumes.DistinctBy(v => v.Index).Count() != definition.Volumes.Count)
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
        // The checkpoint at F itself stays in the journal, since its point can still be opened. What was to be folded
        // had been durable, folded yet or not: were its end missed by nobody, a fold would go on into the batch that
        // comes next, and no compare for that batch could be asked for.
        _journal = await Journal.OpenAsync(
            _storage, _options.Journal, Math.Max(0, FoldedSequence - 1), _manifest.FoldingTo, ct);
        if (isNew && _journal.LastSequence > 0)
            throw new ReplicaException(ReplicaFault.Corrupt, "there is a journal but no manifest.json");
    }

    // A volume that the group was given since: its image is there before any record of it can be.
    private async Task AddVolumesAsync(CancellationToken ct)
    {
        var added = Definition.Volumes.Where(v => _manifest.Volumes.All(m => m.Index != v.Index)).ToList();
        if (added.Count == 0) return;
        var seeded = added.Any(v => v.SeedFile is not null || v.TargetDisk is not null);
        await ChangeAsync(m => m with
        {
            Volumes = [.. m.Volumes.Concat(added.Select(v => new ManifestVolume(v.Index, v.Name, 0)))
                .OrderBy(v => v.Index)],
            Seeded = m.Seeded || seeded,
        }, ct);
    }

    private static BaseImageSpec SpecOf(ReplicaDefinition definition, ReplicaVolume volume) =>
        new(definition.Group, volume.Name, volume.SizeBytes, volume.SeedFile, volume.TargetDisk,
            volume.SeedFormat);

    private async Task OpenImagesAsync(IReplicaStore store, bool isNew, CancellationToken ct)
    {
        var complete = await FoldRedo.MakeAsync(_storage, ct);
        foreach (var volume in Definition.Volumes)
        {
            var to = _manifest.Sums?.FirstOrDefault(s => s.Index == volume.Index)?.To ?? 0;
            // Without a file the table is a table of zeroes, which is right for a new replica and for no other.
            var exists = await _storage.ExistsAsync(SumTable.NameOf(volume.Index), ct);
            if (!isNew && !exists) to = 0;
            complete &= exists;
            // Its length as of the base; what the stream says of it since is known when the journal is read.
            var before = _manifest.Volumes.FirstOrDefault(v => v.Index == volume.Index)?.SizeBytes ?? 0;
            var raw = await store.OpenAsync(
                SpecOf(Definition, before > 0 ? volume with { SizeBytes = before } : volume), ct);
            var table = await SumTable.OpenAsync(_storage, volume.Index, ct);
            var image = new CheckedImage(raw, table, _baseGate);
            _images.Add(volume.Index, image);
            if (isNew) await table.ForgetAsync(ct);
            image.Begin(to);
        }
        // Before anything in them is relied on.
        if (!complete) await _storage.SyncAsync(ct);
    }

    private async Task RecoverAsync(CancellationToken ct)
    {
        var folded = FoldedSequence;
        // As of where the base stands now: a fold that was done again has moved it since the manifest was read.
        _stream = new StreamState(_manifest.StreamId, _manifest.InBatch);
        await DropOrphanOverlaysAsync(ct);
        var points = new List<RecoveryPoint>();
        if (_manifest.Origin is { } origin) points.Add(origin.Point());
        foreach (var sequence in await _journal.MarksAsync(Math.Max(1, folded), ct))
        {
            var reader = _journal.Read(sequence, sequence, passDamage: true);
            await reader.ReadAsync(ct);
            if (reader.Damage is { } damage) Note(damage);
            _marks.Add(reader.Header);
            if (sequence > folded) _stream = _stream.After(reader.Header, reader.Data.Span);
            if (sequence >= _manifest.FoldingTo && TryReadPoint(reader) is { } point) points.Add(point);
        }
        _points = [.. points.Select(Seal)];
        ForgetStreamOfStretches();
    }

    // Before a fold is done again: its records may lie where the images were not when the base stood.
    private async Task RecoverSizesAsync(CancellationToken ct)
    {
        foreach (var header in await _journal.VolumeSizesAsync(FoldedSequence + 1, ct)) _volumeSizes.Add(header);
        foreach (var (volume, size) in _volumeSizes.Latest)
            if (_images.TryGetValue(volume, out var image)) await GrowAsync(image, size, ct);
        foreach (var image in _images.Values) image.HasItsLength();
    }

    // What a flip has taken is settled before anybody is told anything. Records that were durable and are not any more
    // make it another replica: change maps at the source rely on them.
    private async Task SettleDamagesAsync(bool manifestDamaged, CancellationToken ct)
    {
        var lostEnd = TakeJournalDamages();
        await MendAsync(ct);
        await ForgetMendedAsync(ct);
        if (lostEnd) CompareStretchesAgain();
        await BeginAnewAsync(ct);
        if (!lostEnd && !manifestDamaged && !_damagesChanged) return;
        _damagesChanged = false;
        var id = lostEnd ? _options.NewId() : ReplicaId;
        await ChangeAsync(m => m with { ReplicaId = id, Damages = _damages }, ct);
        if (lostEnd) await _journal.AcceptEndAsync(ct);
    }

    private static RecoveryPoint? TryReadPoint(JournalReader reader) =>
        reader.Header.Kind == RecordKind.Checkpoint && !reader.Header.Flags.HasFlag(RecordFlags.Withdrawn)
        && CheckpointPayload.TryDecode(reader.Data.Span, out var point) ? point : null;
}
