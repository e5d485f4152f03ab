// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;

namespace Lifeboat.Replication.Replicas;

// A stretch of the journal that is lost with its index may have written anything, so nothing of it can be asked for by
// range. The replica gets another id and forgets its stream: whoever ships begins anew, trusts no change map and
// compares, and what differs enters as a batch. What it was compared with is what is here without the stretch; that is
// what folding makes of it too.
//
//   found ──► another id, no stream, KnownTo = end of the journal ──► batches begun behind it compare ──► mended
//
// Invariants
//   States from the stretch to the end of the batch by which every volume was compared are refused as a whole.
//   No record of the old stream is taken once KnownTo is set, so a batch behind it is of a source that compares.
public sealed partial class Replica
{
    private Guid _forsaken; // stream of a session that does not know yet; changed under the append gate

    // The same records once more, and nothing but them. One that is lost later is another, even where states are
    // refused for this one or are right again: what this one was compared with had those records still, and folding
    // leaves them out. Of one that an earlier version wrote down nobody knows how far it went.
    private static bool IsOneStretch(ReplicaDamage known, ReplicaDamage damage) =>
        known.IsStretch && damage.IsStretch && known.Sequence <= damage.Sequence && damage.LostTo <= known.LostTo
        && (known.MendedAt is not { } mended || damage.Sequence < mended)
        && (known.KnownTo is not { } to || damage.Sequence <= to);

    /// <summary>Under the append gate, or while it is being opened.</summary>
    private async Task BeginAnewAsync(CancellationToken ct)
    {
        if (!Array.Exists(_damages, IsUnmet)) return;
        await ForgetDigestsAsync(ct);
        var volumes = _volumeSizes.Latest.Where(v => v.Value > 0).Select(v => v.Key).Order().ToArray();
        ReplicaDamage Meet(ReplicaDamage damage) =>
            IsUnmet(damage) ? damage with { KnownTo = AppendedSequence, Waits = volumes } : damage;

        await ChangeAsync(m => m with
        {
            ReplicaId = _options.NewId(), Damages = [.. _damages.Select(Meet)],
        }, ct);
        foreach (var damage in _damages.Where(IsUnmet)) Replace(damage, Meet(damage));
        lock (_streamLock)
        {
            if (_stream.StreamId != Guid.Empty) _forsaken = _stream.StreamId;
            _stream = new StreamState(Guid.Empty, InBatch: true);
        }
    }

    // What had been compared may have been lost with the end.
    private void CompareStretchesAgain()
    {
        foreach (var damage in _damages)
            if (damage is { IsStretch: true, MendedAt: null }) Replace(damage, damage with { KnownTo = null });
    }

    private static bool IsUnmet(ReplicaDamage damage) => damage is { IsStretch: true, MendedAt: null, KnownTo: null };

    // Opened again before a source has begun anew: the stream in the journal is still the one that counts no more.
    private void ForgetStreamOfStretches()
    {
        var begun = Math.Max(_marks.LastBatchBegin, FoldedSequence);
        if (Array.Exists(_damages, d => d is { IsStretch: true, MendedAt: null, KnownTo: { } to } && to >= begun))
            _stream = new StreamState(Guid.Empty, InBatch: true);
    }

    // Under the mend gate: which volumes have been through a batch since?
    private async Task MendStretchesAsync(CancellationToken ct)
    {
        foreach (var damage in _damages)
            if (damage is { IsStretch: true, MendedAt: null, KnownTo: { } to, Waits: { } waits })
                await MendStretchAsync(damage, to, waits, ct);
    }

    private async Task MendStretchAsync(
        ReplicaDamage damage, long knownTo, IReadOnlyList<ushort> waits, CancellationToken ct)
    {
        var durable = DurableSequence;
        var from = Math.Max(knownTo, FoldedSequence) + 1;
        using var hold = _journal.Hold(from);
        HashSet<ushort> begun = [], waiting = [.. waits];
        foreach (var sequence in await _journal.MarksAsync(from, ct))
        {
            if (sequence > durable || waiting.Count == 0) break;
            var reader = _journal.Read(sequence, sequence, passDamage: true);
            await reader.ReadAsync(ct);
            if (reader.Header.Kind == RecordKind.BatchBegin)
                // A stream begins with all of its volumes: a beginning that is damaged is taken for that one.
                begun.UnionWith(BatchPayload.TryDecode(reader.Data.Span, out _, out var volumes) ? volumes : waiting);
            if (reader.Header.Kind == RecordKind.Lost) begun.Clear();
            if (reader.Header.Kind != RecordKind.BatchEnd) continue;
            waiting.ExceptWith(begun);
            begun.Clear();
            if (waiting.Count == 0) Mended(damage, sequence);
        }
        if (waiting.Count > 0 && waiting.Count < waits.Count)
            Replace(damage, damage with { Waits = [.. waiting.Order()] });
    }
}
