// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;

namespace Lifeboat.Journaling.Segments;

/// <summary>
/// Reads records in order and verifies each checksum. Hold the journal from the first sequence on while it is in use.
/// </summary>
/// <param name="passDamage">
/// Damaged records are passed as the index knows them, without data, and told in <see cref="Damage"/>.
/// </param>
/// <param name="kept">Where what is read is to stay; null: it is overwritten by the next.</param>
public sealed class JournalReader(Journal journal, long fromSequence, long toSequence, bool passDamage = false,
    KeptStretches? kept = null)
{
    private const int WindowBytes = 1 << 20;

    private byte[] _own = [];
    private ReadOnlyMemory<byte> _window;
    private long _windowSource;
    private Segment? _segment;
    private ArraySegment<RecordEntry> _entries = ArraySegment<RecordEntry>.Empty;
    private long _windowAt;
    private int _windowLength;
    private long _next = fromSequence;

    public RecordHeader Header { get; private set; }
    /// <summary>Valid until the next record is read.</summary>
    public ReadOnlyMemory<byte> Data { get; private set; }
    /// <summary>The whole record; valid until the next one is read.</summary>
    public ReadOnlyMemory<byte> Record { get; private set; }
    /// <summary>Of the data, in what is kept.</summary>
    public long Source { get; private set; }
    /// <summary>The record just read is damaged; null: it is whole.</summary>
    public JournalDamage? Damage { get; private set; }

    /// <returns>False behind the last sequence asked for.</returns>
    /// <exception cref="JournalException">SequenceUnknown, Corrupt or RecordDamaged: a checksum is
    /// wrong.</exception>
    public async ValueTask<bool> ReadAsync(CancellationToken ct)
    {
        if (_next > toSequence) return false;
        if (_segment is null || _next > _segment.LastSequence || _next - _segment.FirstSequence >= _entries.Count)
            await EnterSegmentAsync(ct);
        var entry = _entries[(int)(_next - _segment!.FirstSequence)];
        if (entry.Kind == RecordKind.Lost)
        {
            Pass(JournalDamage.OfStretch(_segment, StretchOf(entry)), entry);
            return true;
        }
        var record = await WindowAsync(_segment, entry, ct);
        var outcome = RecordCodec.TryRead(record.Span, out var header, out _);
        if (outcome != RecordReadOutcome.Read || header.Sequence != _next
            || RecordEntry.Of(header, entry.Position) != entry)
        {
            Pass(JournalDamage.OfRecord(_segment, entry, _next), entry);
            return true;
        }
        Damage = null;
        Header = header;
        Record = record;
        Data = RecordCodec.DataOf(record, header);
        Source = _windowSource + (entry.Position - _windowAt) + RecordCodec.HeaderLength;
        _next++;
        return true;
    }

    private void Pass(JournalDamage damage, in RecordEntry entry)
    {
        if (!passDamage) throw JournalException.Of(damage);
        Damage = damage;
        Header = entry.ToHeader(_next);
        Record = Data = default;
        _next++;
    }

    // All of it: whoever is told of it keeps it as one.
    private LostStretch StretchOf(in RecordEntry entry)
    {
        int first = (int)(_next - _segment!.FirstSequence), last = first;
        while (first > 0 && _entries[first - 1].Kind == RecordKind.Lost) first--;
        while (last < _entries.Count - 1 && _entries[last + 1].Kind == RecordKind.Lost) last++;
        return new LostStretch(_segment.FirstSequence + first, _segment.FirstSequence + last, entry.Position);
    }

    private async ValueTask EnterSegmentAsync(CancellationToken ct)
    {
        _segment = journal.Segments.LastOrDefault(s => s.FirstSequence <= _next);
        if (_segment is null || _next > _segment.LastSequence)
            throw new JournalException(JournalFault.SequenceUnknown, $"record {_next} is not in the journal");
        _entries = await journal.EntriesOfAsync(_segment, ct);
        _windowLength = 0;
    }

    private async ValueTask<ReadOnlyMemory<byte>> WindowAsync(Segment segment, RecordEntry entry, CancellationToken ct)
    {
        var length = entry.RecordLength;
        var at = entry.Position - _windowAt;
        if (at < 0 || at + length > _windowLength)
        {
            _windowAt = entry.Position;
            if (kept is not null && journal.FindWarm(segment, entry.Position, length, out _window) is { } warm)
            {
                _windowSource = kept.Take(warm, _window);
                _windowLength = _window.Length;
            }
            else await ReadWindowAsync(segment, ct);
            at = 0;
        }
        return _window.Slice((int)at, (int)Math.Min(length, _windowLength - at));
    }

    private async ValueTask ReadWindowAsync(Segment segment, CancellationToken ct)
    {
        // Not beyond the tail: what stands there now is not what will be appended there.
        var wanted = (int)Math.Min(StretchFrom(segment), segment.Tail - _windowAt);
        var place = kept is null ? Own(wanted) : kept.Place(wanted, out _windowSource);
        _window = place;
        _windowLength = await segment.File.ReadAsync(_windowAt, place[..wanted], ct);
    }

    private Memory<byte> Own(int wanted)
    {
        if (_own.Length < wanted) _own = GC.AllocateUninitializedArray<byte>(wanted);
        return _own;
    }

    // As many whole records from the next one on as are asked for and fit: none is read twice.
    private long StretchFrom(Segment segment)
    {
        var at = (int)(_next - segment.FirstSequence);
        var last = Math.Min(_entries.Count - 1, toSequence - segment.FirstSequence);
        var start = _entries[at].Position;
        long length = _entries[at].RecordLength;
        for (at++; at <= last; at++)
        {
            var more = (long)_entries[at].Position + _entries[at].RecordLength - start;
            if (more > WindowBytes) break;
            length = more;
        }
        return length;
    }
}
