// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;
using Lifeboat.Journaling.Indexing;
using Lifeboat.Journaling.Segments;

namespace Lifeboat.Replication.Replicas;

public sealed partial class Replica
{
    private readonly Dictionary<string, PointInTimeView> _views = new(StringComparer.Ordinal);

    /// <summary>Names of views that hold folding back, also those not opened again since a restart.</summary>
    public IReadOnlyList<string> Views => [.. _manifest.Views.Select(v => v.Name)];

    /// <summary>
    /// Opens the replica at a sequence that is a consistent state. The same name, sequence and mode give the same view,
    /// also after a restart, with what was written to it.
    /// </summary>
    /// <param name="name">1 to 100 of a-z, 0-9, '-', '_' and '.'.</param>
    /// <param name="sequence">Null: as opened before, else the newest sealed point.</param>
    /// <exception cref="ReplicaException">SequenceUnknown, ViewConflict, or Damaged: the state has lost
    /// bytes.</exception>
    public Task<PointInTimeView> OpenViewAsync(string name, long? sequence, bool writable, CancellationToken ct) =>
        OpenViewAsync(name, sequence, writable, acceptDamage: false, ct);

    /// <param name="acceptDamage">
    /// Open a state that has lost bytes as well: reading those fails, all others are right. Not when nobody knows
    /// which.
    /// </param>
    public async Task<PointInTimeView> OpenViewAsync(
        string name, long? sequence, bool writable, bool acceptDamage, CancellationToken ct)
    {
        if (!ViewName().IsMatch(name)) throw new ArgumentException($"not a view name: '{name}'", nameof(name));
        await _viewGate.EnterAsync(ct);
        try
        {
            var held = _manifest.Views.Any(v => v.Name == name);
            var lease = await LeaseAsync(name, sequence, writable, acceptDamage, ct);
            if (_views.TryGetValue(name, out var open)) return open;
            try
            {
                return _views[name] = await MakeViewAsync(lease, ct);
            }
            catch when (!held)
            {
                await EndLeaseAsync(name);
                throw;
            }
        }
        finally
        {
            _viewGate.Leave();
        }
    }

    /// <summary>Drops the view and what was written to it. Closing what is not open succeeds.</summary>
    public async Task CloseViewAsync(string name, CancellationToken ct)
    {
        await _viewGate.EnterAsync(ct);
        try
        {
            if (_manifest.Views.Any(v => v.Name == name)) await EndLeaseAsync(name);
            if (_views.Remove(name, out var view)) await view.DisposeAsync();
            await DropOrphanOverlaysAsync(ct);
        }
        finally
        {
            _viewGate.Leave();
        }
    }

    // The lease is durable before the view is used: after a restart nothing folds past it, opened again or not.
    private async Task<ManifestView> LeaseAsync(
        string name, long? sequence, bool writable, bool acceptDamage, CancellationToken ct)
    {
        await _stateGate.EnterAsync(ct);
        try
        {
            if (_manifest.Views.FirstOrDefault(v => v.Name == name) is { } held)
            {
                if (held.Writable == writable && (sequence ?? held.Sequence) == held.Sequence) return held;
                throw new ReplicaException(ReplicaFault.ViewConflict,
                    $"view {name} is open at {held.Sequence}, {(held.Writable ? "writable" : "read-only")}");
            }
            var lease = new ManifestView(name, Openable(sequence, acceptDamage), writable);
            await ChangeLockedAsync(m => m with { Views = [.. m.Views, lease] });
            return lease;
        }
        finally
        {
            _stateGate.Leave();
        }
    }

    private Task EndLeaseAsync(string name) => ChangeAsync(
        m => m with { Views = [.. m.Views.Where(v => v.Name != name)] }, CancellationToken.None);

    private async Task<PointInTimeView> MakeViewAsync(ManifestView lease, CancellationToken ct)
    {
        var reader = await OpenReaderAsync(lease.Sequence, ct);
        // A lease outlives a restart, and the reader may be the first to find an index gone: what was lost without a
        // name could be any byte.
        TakeJournalDamages();
        if (Array.Find(_damages, d => d.IsStretch && d.Touches(lease.Sequence)) is { } lost)
        {
            reader.Dispose();
            throw Refused(lease.Sequence, lost);
        }
        return lease.Writable
            ? await WritableView.OpenAsync(lease.Name, reader, _storage, ct)
            : new ReadOnlyView(lease.Name, reader);
    }

    private long Openable(long? wanted, bool acceptDamage)
    {
        if (wanted is not { } sequence)
        {
            if (NewestSound is { } sound) return sound.Sequence;
            sequence = Points is [.., { IsOrigin: false } newest]
                ? newest.Sequence
                : throw new ReplicaException(ReplicaFault.SequenceUnknown, "there is no sealed recovery point yet");
        }
        var floor = Math.Max(FoldedSequence, _manifest.FoldingTo);
        if (sequence < floor || sequence > DurableSequence)
            throw new ReplicaException(ReplicaFault.SequenceUnknown,
                $"sequence {sequence} is not in the history ({floor} to {DurableSequence})");
        // The seeds were disks that nobody wrote to any more: their state is one, batch or not.
        var origin = sequence == 0 && Points is [{ IsOrigin: true }, ..];
        if (!origin && !_marks.IsConsistent(sequence) && !Flaws.OpenAnywhere)
            throw new ReplicaException(ReplicaFault.SequenceUnknown,
                $"sequence {sequence} is in or next to a resync: no consistent state");
        if (Array.Find(_damages, d => d.Touches(sequence) && (!acceptDamage || d.IsStretch)) is { } damage)
            throw Refused(sequence, damage);
        return sequence;
    }

    private static ReplicaException Refused(long sequence, ReplicaDamage damage) =>
        new(ReplicaFault.Damaged, $"the state at {sequence} has lost bytes: {damage}");

    // F and the hold are taken together: afterwards F may rise to the sequence, but its records stay.
    private async Task<ReplicaReader> OpenReaderAsync(long sequence, CancellationToken ct)
    {
        await _stateGate.EnterAsync(ct);
        long folded;
        JournalHold hold;
        try
        {
            folded = FoldedSequence;
            hold = _journal.Hold(folded + 1);
        }
        finally
        {
            _stateGate.Leave();
        }
        try
        {
            var index = await ExtentIndex.BuildAsync(_journal, _volumeSizes.Latest, folded, sequence, ct);
            return new ReplicaReader(sequence, index, this, _images, _volumeSizes.At(sequence), hold);
        }
        catch (JournalException e)
        {
            hold.Dispose();
            throw JournalFailure.Translate(e);
        }
        catch
        {
            hold.Dispose();
            throw;
        }
    }

    private async Task DropOrphanOverlaysAsync(CancellationToken ct)
    {
        foreach (var file in await _storage.ListAsync(ct))
            if (WritableView.TryParseOverlay(file, out var view)
                && !_manifest.Views.Any(v => v.Writable && v.Name == view))
                await _storage.DeleteAsync(file, ct);
    }

    [GeneratedRegex(@"^[a-z0-9_.-]{1,100}$", RegexOptions.CultureInvariant)]
    private static partial Regex ViewName();
}
