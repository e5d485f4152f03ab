// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Storage;

/// <summary>
/// One file of a simulated disk: what readers see now (the page cache), what a crash leaves for certain (durable), and
/// the changes in between, each of which a crash may keep, lose or tear.
/// </summary>
internal sealed class SimulatedInode
{
    private const int SectorBytes = 512;

    private readonly List<Change> _pending = [];
    private SparseBytes _durable = new();

    public SparseBytes Cache { get; private set; } = new();
    public int PendingChanges => _pending.Count;

    public void Write(long offset, ReadOnlySpan<byte> data) => Apply(new Change(offset, data.ToArray(), 0, null));
    public void Zero(long offset, long length) => Apply(new Change(offset, null, length, null));
    public void SetLength(long length) => Apply(new Change(0, null, 0, length));

    /// <summary>Makes the first changes durable, as a flush that began after them does.</summary>
    public void Flush(int count)
    {
        count = Math.Min(count, _pending.Count);
        for (var i = 0; i < count; i++) _pending[i].ApplyTo(_durable);
        _pending.RemoveRange(0, count);
    }

    /// <summary>Power loss: each change that was not flushed is kept, lost or torn by sectors.</summary>
    public void Crash(Prng prng)
    {
        // Some crashes lose all, some keep all, most are a mix: the extremes find other bugs than the mix does.
        var keep = prng.Next(4) switch { 0 => 0.0, 1 => 1.0, _ => prng.NextDouble() };
        foreach (var change in _pending)
        {
            if (prng.Chance(keep)) change.ApplyTo(_durable);
            else if (change.Data is { Length: > 0 } data && prng.Chance(0.5)) Tear(change.Offset, data, prng);
        }
        _pending.Clear();
        Cache = _durable.Clone();
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

    private void Apply(Change change)
    {
        change.ApplyTo(Cache);
        _pending.Add(change);
    }

    private sealed record Change(long Offset, byte[]? Data, long ZeroLength, long? NewLength)
    {
        public void ApplyTo(SparseBytes bytes)
        {
            if (NewLength is { } length) bytes.SetLength(length);
            else if (Data is not null) bytes.Write(Offset, Data);
            else bytes.Zero(Offset, ZeroLength);
        }
    }
}
