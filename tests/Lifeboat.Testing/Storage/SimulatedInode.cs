// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Storage;

/// <summary>
/// One file of a simulated disk: what readers see now (the page cache), what a crash leaves for certain (durable), and
/// the changes in between, each of which a crash may keep, lose or tear.
/// </summary>
internal sealed class SimulatedInode
{
    private const int SectorBytes = 512;
    private const int PageBytes = 4096;

    private readonly List<Change> _pending = [];
    private readonly HashSet<long> _spoilt = [];
    private SparseBytes _durable = new();

    public SparseBytes Cache { get; private set; } = new();
    public IEnumerable<long> PendingOrders => _pending.Select(c => c.Order);

    public void Write(long offset, ReadOnlySpan<byte> data, long order)
    {
        WriteOver(offset, data.Length);
        Apply(new Change(offset, data.ToArray(), 0, null, order));
    }

    public void Zero(long offset, long length, long order)
    {
        WriteOver(offset, length);
        Apply(new Change(offset, null, length, null, order));
    }

    /// <summary>The medium does not give the page with this byte any more, until it is written whole.</summary>
    public void Spoil(long offset) => _spoilt.Add(offset / PageBytes);

    /// <summary>Whether a read of this range fails.</summary>
    public bool IsSpoilt(long offset, long length) => _spoilt.Count > 0
        && _spoilt.Any(p => p * PageBytes < offset + length && offset < (p + 1) * PageBytes);

    /// <summary>Whether a write of this range would have to read a page that cannot be read.</summary>
    public bool CutsSpoilt(long offset, long length) => _spoilt.Count > 0 && _spoilt.Any(p =>
        p * PageBytes < offset + length && offset < (p + 1) * PageBytes && !Covers(p, offset, length));
    public void SetLength(long length, long order) => Apply(new Change(0, null, 0, length, order));

    /// <summary>Bytes on the medium turn over: what was flushed, and what readers see of it.</summary>
    public void Flip(long offset, byte mask)
    {
        Span<byte> one = stackalloc byte[1];
        foreach (var bytes in new[] { _durable, Cache })
        {
            if (bytes.Read(offset, one) != 1) continue;
            one[0] ^= mask;
            bytes.Write(offset, one);
        }
    }

    /// <summary>Makes changes up to this one durable, as a flush that began after it does.</summary>
    public void Flush(long upTo)
    {
        var count = 0;
        for (; count < _pending.Count && _pending[count].Order <= upTo; count++) _pending[count].ApplyTo(_durable);
        _pending.RemoveRange(0, count);
    }

    /// <summary>Power loss: what becomes of each change that was not flushed, by the style.</summary>
    public void Crash(Prng prng, CrashStyle style, long last)
    {
        // Some crashes lose all, some keep all, most are a mix: the extremes find other bugs than the mix does.
        var keep = prng.Next(4) switch { 0 => 0.0, 1 => 1.0, _ => prng.NextDouble() };
        foreach (var change in _pending)
        {
            var kept = style switch
            {
                CrashStyle.KeepAll => true,
                CrashStyle.LoseAll => false,
                CrashStyle.TearLast => change.Order != last || change.Data is null,
                CrashStyle.Prefix => change.Order <= last,
                CrashStyle.TearAll => change.Data is null && prng.Chance(0.5),
                CrashStyle.Random or CrashStyle.NamesFirst => prng.Chance(keep),
            };
            var torn = style switch
            {
                CrashStyle.Random or CrashStyle.NamesFirst => prng.Chance(0.5),
                CrashStyle.TearLast or CrashStyle.TearAll => true,
                CrashStyle.KeepAll or CrashStyle.LoseAll or CrashStyle.Prefix => false,
            };
            if (kept) change.ApplyTo(_durable);
            else if (torn && change.Data is { Length: > 0 } data) Tear(change.Offset, data, prng);
        }
        _pending.Clear();
        Cache = _durable.Clone();
    }

    public SimulatedInode Fork()
    {
        var fork = new SimulatedInode { Cache = Cache.Clone(), _durable = _durable.Clone() };
        fork._pending.AddRange(_pending);
        fork._spoilt.UnionWith(_spoilt);
        return fork;
    }

    private void Tear(long offset, byte[] data, Prng prng)
    {
        for (var at = 0; at < data.Length;)
        {
            var room = (int)Math.Min(SectorBytes - (offset + at) % SectorBytes, data.Length - at);
            if (prng.Chance(0.5)) _durable.Write(offset + at, data.AsSpan(at, room));
            at += room;
        }
    }

    private void WriteOver(long offset, long length) => _spoilt.RemoveWhere(p => Covers(p, offset, length));

    // What lies behind the file's end need not be written.
    private bool Covers(long page, long offset, long length) => offset <= page * PageBytes
        && (offset + length >= (page + 1) * PageBytes || offset + length >= Cache.Length);

    private void Apply(Change change)
    {
        change.ApplyTo(Cache);
        _pending.Add(change);
    }

    private sealed record Change(long Offset, byte[]? Data, long ZeroLength, long? NewLength, long Order)
    {
        public void ApplyTo(SparseBytes bytes)
        {
            if (NewLength is { } length) bytes.SetLength(length);
            else if (Data is not null) bytes.Write(Offset, Data);
            else bytes.Zero(Offset, ZeroLength);
        }
    }
}
