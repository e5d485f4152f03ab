// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas.Checksums;

namespace Lifeboat.Replication.Replicas;

// The recovery site's copy of a group: base images at the folded sequence F and the journal of everything behind it.
// The state at S >= F is base + records in (F, S].
//
// Invariants
//   What can be opened (points, pins, views) is never below FoldingTo, which is durable before the base is touched.
//   The base holds only records up to FoldingTo, and FoldingTo never passes the newest sealed point: an incomplete
//   batch never touches the base.
//   A point is sealed only when its checkpoint and all before it are durable, and none is inside a batch.
//   Once an epoch was raised, no record of an older one is appended.
//
//   Image, sums and manifest move together: what of a run is in which of them after a crash is settled before anything
//   is read (see Folding).
//
// Locks, in this order: _appendGate (receiver, epoch), _viewGate, _scrubGate, _foldGate, _digestGate, _baseGate (image
// and sums are being changed), then _stateGate (manifest and what is derived from it). Views read without any.
/// <summary>The recovery site's copy of a group. One writer; any number of threads may read views.</summary>
public sealed partial class Replica : IAsyncDisposable
{
    private readonly ReplicaOptions _options;
    private readonly IStorage _storage;
    private readonly TimeProvider _time;
    private readonly VolumeSizes _volumeSizes;
    private readonly Dictionary<ushort, CheckedImage> _images = [];
    private readonly StreamMarks _marks = new();
    private readonly Turnstile _appendGate = new();
    private readonly Turnstile _viewGate = new();
    private readonly Turnstile _foldGate = new();
    private readonly Turnstile _baseGate = new();
    private readonly Turnstile _digestGate = new();
    private readonly Turnstile _stateGate = new();
    private Journal _journal = null!; // set by OpenAsync before anybody sees the replica
    private volatile ReplicaManifest _manifest;

    private Replica(ReplicaDefinition definition, ReplicaOptions options, IStorage storage, TimeProvider time,
        ReplicaManifest manifest)
    {
        Definition = definition;
        _options = options;
        _storage = storage;
        _time = time;
        _manifest = manifest;
        _retention = definition.Retention;
        _stream = new StreamState(manifest.StreamId, manifest.InBatch);
        // One that the group was given since has no bytes yet.
        _volumeSizes = new VolumeSizes([.. manifest.Volumes, .. definition.Volumes
            .Where(v => manifest.Volumes.All(m => m.Index != v.Index))
            .Select(v => new ManifestVolume(v.Index, v.Name, 0))]);
    }

    /// <summary>What it was opened as; the epoch may have risen since.</summary>
    public ReplicaDefinition Definition { get; }
    public Guid ReplicaId => _manifest.ReplicaId;
    public Epoch Epoch => new(_manifest.Epoch);
    public long DurableSequence => _journal.DurableSequence;
    public long AppendedSequence => _journal.LastSequence;
    public long FoldedSequence => _manifest.Folded;
    public long JournalBytes => _journal.Bytes;
    /// <summary>A base began as a seed or the user's disk: what was never received may be anything.</summary>
    public bool Seeded => _manifest.Seeded;

    /// <summary>Bytes of each volume behind the last record.</summary>
    public IReadOnlyDictionary<ushort, long> Sizes => _volumeSizes.Latest;

    /// <summary>Bytes of a volume at a sequence; 0: it is not there.</summary>
    internal long SizeAt(ushort volume, long sequence) => _volumeSizes.At(volume, sequence);

    /// <summary>Ways to break it on purpose; see <see cref="EngineFlaws"/>.</summary>
    internal EngineFlaws Flaws { get; set; } = EngineFlaws.None;

    /// <summary>How often the source was moved to another agent in this epoch, as far as it was said.</summary>
    public long Moves => _manifest.Moves;

    /// <summary>Once this returns, no record of an older epoch is accepted, also after a crash.</summary>
    /// <param name="moves">A source of this epoch that was moved less often is behind; see <see cref="Moves"/>.</param>
    /// <exception cref="ReplicaException">EpochWouldFall.</exception>
    public async Task RaiseEpochAsync(Epoch epoch, long moves, CancellationToken ct)
    {
        if (!await TryClaimAsync(epoch, moves, ct) && epoch < Epoch)
            throw new ReplicaException(ReplicaFault.EpochWouldFall, $"epoch {epoch} is older than {Epoch}");
    }

    /// <summary>For a source that begins: durable when it returns, so that whoever is behind is known.</summary>
    /// <returns>False: the epoch is older, or in this epoch it was moved to another agent since.</returns>
    public async Task<bool> TryClaimAsync(Epoch epoch, long moves, CancellationToken ct)
    {
        await _appendGate.EnterAsync(ct);
        try
        {
            if (IsBehind(epoch, moves)) return false;
            await BeginAnewAsync(ct);
            if (epoch > Epoch || moves > Moves)
                await ChangeAsync(m => m with { Epoch = epoch.Value, Moves = moves }, ct);
            return true;
        }
        finally
        {
            _appendGate.Leave();
        }
    }

    /// <summary>An older epoch, or this one before the source was moved as often as is known here.</summary>
    public bool IsBehind(Epoch epoch, long moves) => epoch < Epoch || (epoch == Epoch && moves < Moves);

    /// <summary>Closes files. Views and pins stay leased and are held again when the replica is opened.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var view in _views.Values) await view.DisposeAsync();
        _views.Clear();
        ReleaseDigests();
        await CloseFilesAsync();
    }

    private async ValueTask CloseFilesAsync()
    {
        if (_journal is not null) await _journal.DisposeAsync();
        foreach (var image in _images.Values) await image.DisposeAsync();
    }

    private async Task ChangeAsync(Func<ReplicaManifest, ReplicaManifest> change, CancellationToken ct)
    {
        await _stateGate.EnterAsync(ct);
        try
        {
            await ChangeLockedAsync(change);
        }
        finally
        {
            _stateGate.Leave();
        }
    }

    // Memory follows the medium, never the other way round. A write cut short could leave either version there, so it
    // is not cancelled.
    private async Task ChangeLockedAsync(Func<ReplicaManifest, ReplicaManifest> change)
    {
        var next = change(_manifest);
        try
        {
            await ManifestFile.WriteAsync(next, _storage, CancellationToken.None);
        }
        catch (StorageException e) when (e.Fault == StorageFault.Full)
        {
            // A full disk must not keep anybody from opening a view: that is what the spare room is for.
            if (!await SpareRoom.GiveUpAsync(_storage)) throw;
            await ManifestFile.WriteAsync(next, _storage, CancellationToken.None);
        }
        _manifest = next;
    }
}
