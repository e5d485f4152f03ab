// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Replicas.Checksums;

namespace Lifeboat.Replication.Replicas;

// What was found damaged, until it is whole again. Nothing is ever given from a damaged place; points whose state
// needs one are listed as damaged. The source sends what is lost in a batch, and from its end on states are right:
// a range is mended at the sequence by which later records have covered all of it. Once folding has passed there the
// base holds it and the damage is forgotten.
public sealed partial class Replica
{
    // More are not kept: what is not listed is found again when it is read.
    private const int DamagesMax = 256;
    private const int RepairedMax = 16;

    private readonly Lock _damageLock = new();
    private readonly Turnstile _mendGate = new();
    private readonly Dictionary<ReplicaDamage, DamageCover> _covers = new(ReferenceEqualityComparer.Instance);
    private volatile ReplicaDamage[] _damages = [];
    private volatile ReplicaDamage[] _repaired = [];
    private volatile bool _damagesChanged;
    private long _damagesFound;

    /// <summary>Damage that is not whole again, oldest first: waiting for the source, or for folding to pass.</summary>
    public IReadOnlyList<ReplicaDamage> Damages => _damages;
    /// <summary>The last ones that are whole again.</summary>
    public IReadOnlyList<ReplicaDamage> Repaired => _repaired;
    /// <summary>All that were found since it was opened.</summary>
    public long DamagesFound => Interlocked.Read(ref _damagesFound);

    /// <summary>What the source has to send again.</summary>
    public IReadOnlyList<LostRange> Lost =>
        [.. _damages.Where(d => d is { Length: > 0, MendedAt: null })
            .Select(d => new LostRange(d.Volume, d.Offset, d.Length))];

    private bool IsLost(ushort volume, long offset, long length) => Array.Exists(_damages, d =>
        d.MendedAt is null && d.Volume == volume && d.Offset < offset + length && offset < d.End);

    // The base lacks it, until a fold has passed what mends it.
    private bool IsLostInBase(ushort volume, long offset, long length) => Array.Exists(_damages, d =>
        d.Length > 0 && d.Sequence <= FoldedSequence && !(d.MendedAt <= FoldedSequence)
        && d.Volume == volume && d.Offset < offset + length && offset < d.End);

    private bool HasLost =>
        Array.Exists(_damages, d => d is { Length: > 0, MendedAt: null } or { IsStretch: true, MendedAt: null });

    private bool IsDamaged(long sequence) => Array.Exists(_damages, d => d.Touches(sequence));

    internal ReplicaException Note(BaseDamage damage)
    {
        var place = damage.Sums ? DamagePlace.Checksums : DamagePlace.Base;
        var file = damage.Sums ? SumTable.NameOf(damage.Volume) : $"base image of {NameOf(damage.Volume)}";
        var noted = new ReplicaDamage(place, file, damage.Offset, damage.Volume, damage.Offset, damage.Length, 0,
            _time.GetUtcNow(), null, Repaired: false);
        if (CutToVolume(noted) is { } inside) noted = Add(inside);
        return new ReplicaException(ReplicaFault.Damaged, $"damaged: {noted}");
    }

    internal ReplicaException Note(JournalDamage damage)
    {
        var place = damage.Part switch
        {
            JournalPart.Record => DamagePlace.Record,
            JournalPart.End => DamagePlace.JournalEnd,
            JournalPart.Stretch => DamagePlace.Stretch,
            JournalPart.SegmentHead or JournalPart.BlockHead or JournalPart.Index => DamagePlace.JournalFrame,
        };
        long? mended = damage.Length > 0 || place == DamagePlace.Stretch ? null : damage.Last;
        // What the base has already is lost to nobody but a view that was opened before.
        var repaired = damage.Repaired
            || (place is DamagePlace.Record or DamagePlace.Stretch && damage.Last <= FoldedSequence);
        var first = place == DamagePlace.Stretch ? Math.Max(damage.First, FoldedSequence + 1) : damage.First;
        var noted = Add(new ReplicaDamage(place, damage.File, damage.Position, damage.Volume, damage.Offset,
            damage.Length, repaired ? damage.First : first, _time.GetUtcNow(), mended, repaired)
            { LostTo = place == DamagePlace.Stretch ? damage.Last : null });
        return new ReplicaException(ReplicaFault.Damaged, $"damaged: {noted}");
    }

    private ReplicaDamage Add(ReplicaDamage damage)
    {
        lock (_damageLock)
        {
            if (Array.Find(_damages, d => Includes(d, damage)) is { } known) return known;
            if (damage.IsStretch && Array.Find(_repaired, d => Includes(d, damage)) is { } before) return before;
            Interlocked.Increment(ref _damagesFound);
            if (damage.Repaired)
            {
                AddRepaired(damage);
                return damage;
            }
            if (_damages.Length < DamagesMax || damage.IsStretch)
            {
                _damages = [.. _damages, damage];
                Cover(damage);
            }
            _damagesChanged = true;
        }
        ReplacePoints(points => points.Select(Seal));
        return damage;
    }

    private static bool Includes(ReplicaDamage known, ReplicaDamage damage) =>
        known.IsStretch || damage.IsStretch ? IsOneStretch(known, damage) : IsAlike(known.Place, damage.Place)
        && known.Sequence == damage.Sequence && known.Volume == damage.Volume
        && known.Offset <= damage.Offset && known.End >= damage.End
        && (damage.Length > 0 || known.Position == damage.Position);

    // A damaged sector of the table and the blocks that it is about are one.
    private static bool IsAlike(DamagePlace known, DamagePlace place) =>
        known == place || (known == DamagePlace.Checksums && place == DamagePlace.Base);

    private void Cover(ReplicaDamage damage)
    {
        if (damage is { Length: > 0, MendedAt: null })
            _covers[damage] = new DamageCover(damage.Offset, damage.Length, Math.Max(damage.Sequence, FoldedSequence));
    }

    private void AddRepaired(ReplicaDamage damage) =>
        _repaired = [.. _repaired.TakeLast(RepairedMax - 1), damage with { Repaired = true }];

    /// <returns>Records that had been durable are gone.</returns>
    private bool TakeJournalDamages()
    {
        var lostEnd = false;
        while (_journal.TryTakeDamage(out var damage))
        {
            lostEnd |= damage.Part == JournalPart.End;
            Note(damage);
        }
        return lostEnd;
    }

    /// <summary>Looks at what was appended since: does it cover what is lost?</summary>
    private async Task MendAsync(CancellationToken ct)
    {
        await _mendGate.EnterAsync(ct);
        try
        {
            await MendLockedAsync(ct);
        }
        finally
        {
            _mendGate.Leave();
        }
    }

    private async Task MendLockedAsync(CancellationToken ct)
    {
        TakeJournalDamages();
        CutToVolumes();
        await MendStretchesAsync(ct);
        (ReplicaDamage Damage, DamageCover Cover)[] open;
        lock (_damageLock) open = [.. _covers.Where(c => c.Key.MendedAt is null).Select(c => (c.Key, c.Value))];
        if (open.Length == 0) return;
        var durable = DurableSequence;
        var from = open.Min(o => o.Cover.LookedTo) + 1;
        var damaged = _damages.Where(d => d is { Place: DamagePlace.Record, Length: > 0 })
            .Select(d => d.Sequence).ToHashSet();
        await _journal.VisitAsync(from, durable, header =>
        {
            if (!header.TouchesVolume || damaged.Contains(header.Sequence)) return;
            foreach (var (damage, cover) in open)
                if (header.Volume == damage.Volume && cover.Add(header)) Mended(damage, header.Sequence);
        }, ct);
        foreach (var (_, cover) in open) cover.LookedTo = Math.Max(cover.LookedTo, durable);
    }

    private void Mended(ReplicaDamage damage, long at) => Replace(damage, damage with { MendedAt = at });

    private void Replace(ReplicaDamage old, ReplicaDamage? now)
    {
        lock (_damageLock)
        {
            _damages = [.. _damages.Select(d => ReferenceEquals(d, old) ? now : d).OfType<ReplicaDamage>()];
            if (_covers.Remove(old, out var cover) && now is not null)
            {
                if (now.Length == old.Length) _covers[now] = cover;
                else Cover(now);
            }
            if (now is null) AddRepaired(old);
            _damagesChanged = true;
        }
        ReplacePoints(points => points.Select(Seal));
    }

    // The base has it now. It is looked at all the same: a block that was written piece by piece, in one fold and the
    // next, may still be poisoned, and then the source has to send it whole.
    private async Task ForgetMendedAsync(CancellationToken ct)
    {
        foreach (var damage in _damages)
        {
            if (!(damage.MendedAt <= FoldedSequence)) continue;
            Replace(damage, null);
            if (damage.Length > 0) await VerifyAsync(_images[damage.Volume], damage.Offset, damage.Length, ct);
        }
    }

    /// <summary>Reads what is lost once more: a disk or a memory that erred once may be right the next time.</summary>
    public async Task LookAgainAsync(CancellationToken ct)
    {
        foreach (var damage in _damages)
            if (damage is { Length: > 0, MendedAt: null } && await ReadsWellAsync(damage, ct)) Replace(damage, null);
    }

    private async Task<bool> ReadsWellAsync(ReplicaDamage damage, CancellationToken ct)
    {
        try
        {
            return await ReadsAsync(damage, ct);
        }
        catch (Exception e) when (e is StorageException or JournalException)
        {
            return false; // whoever needs it will be told why
        }
    }

    private async Task<bool> ReadsAsync(ReplicaDamage damage, CancellationToken ct)
    {
        if (damage.Place == DamagePlace.Record)
        {
            if (damage.Sequence <= FoldedSequence) return false; // what was made of it is in the base
            using var hold = _journal.Hold(damage.Sequence);
            var reader = _journal.Read(damage.Sequence, damage.Sequence, passDamage: true);
            return await reader.ReadAsync(ct) && reader.Damage is null;
        }
        // Without a sum it is not known to read well.
        if (damage.End > _images[damage.Volume].CheckedTo) return false;
        var block = new byte[BlockSum.BlockBytes];
        for (var at = damage.Offset; at < damage.End; at += block.Length)
            if (await _images[damage.Volume].ReadAsync(
                    at, block.AsMemory(0, (int)Math.Min(block.Length, damage.End - at)), ct) is not null) return false;
        return true;
    }

    // Whether records up to the last have brought all that was lost of these bytes.
    private bool IsMended(ushort volume, long offset, long length, long last)
    {
        var over = _damages.Where(d =>
            d.Volume == volume && d.Length > 0 && d.Offset < offset + length && offset < d.End).ToList();
        lock (_damageLock)
            return over.Count > 0 && over.TrueForAll(d => d.MendedAt <= last
                || (_covers.TryGetValue(d, out var cover) && cover.DoneAt(offset, length) <= last));
    }

    private async Task KeepDamagesAsync(CancellationToken ct)
    {
        if (_damagesChanged) await ChangeWithDamagesAsync(static m => m, ct);
    }

    // Whoever moves the base past a damaged place writes with the new place what is known of the damage: of what the
    // base has no record is left to tell.
    private async Task ChangeWithDamagesAsync(Func<ReplicaManifest, ReplicaManifest> change, CancellationToken ct)
    {
        _damagesChanged = false;
        try
        {
            await ChangeAsync(m => change(m) with { Damages = _damages }, ct);
        }
        catch
        {
            _damagesChanged = true;
            throw;
        }
    }

    // What a restart finds in the manifest. Records in the journal may have mended it long since.
    private void RememberDamages()
    {
        lock (_damageLock)
        {
            // What had mended it may have been lost with the journal's end.
            _damages = [.. (_manifest.Damages ?? []).Select(d =>
                d.Length > 0 && d.MendedAt > _journal.LastSequence ? d with { MendedAt = null }
                : d.IsStretch && (d.MendedAt ?? d.KnownTo) > _journal.LastSequence
                    ? d with { MendedAt = null, KnownTo = null }
                : d)];
            foreach (var damage in _damages) Cover(damage);
        }
    }

    // A base can be longer than its volume: the stream began with a shorter one, or the record that made it longer was
    // lost with the journal's end. What lies behind the end is in no state, and the source has nothing to send for it.
    private void CutToVolumes()
    {
        foreach (var damage in _damages)
            if (CutToVolume(damage) is var inside && inside != damage) Replace(damage, inside);
    }

    /// <returns>Null: all of it lies behind the end of the volume.</returns>
    private ReplicaDamage? CutToVolume(ReplicaDamage damage)
    {
        if (damage.Length == 0) return damage;
        // One that the stream has not brought yet is as long as its image.
        var size = _volumeSizes.Latest.GetValueOrDefault(damage.Volume) is > 0 and var latest
            ? latest : _images[damage.Volume].SizeBytes;
        if (damage.End <= size) return damage;
        return damage.Offset < size ? damage with { Length = size - damage.Offset } : null;
    }

    private string NameOf(ushort volume) => Definition.Volumes.First(v => v.Index == volume).Name;
}
