// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Nbd;

namespace Lifeboat.Testing.Nbd;

/// <summary>
/// A disk and all that it ever was, as naive as can be: each sequence is an export that says, as a view of a replica
/// does, where it differs from the others.
/// </summary>
public sealed class DiskHistory(Guid replica, int bytes, Prng prng)
{
    private readonly List<byte[]> _states = [new byte[bytes]];
    private readonly List<IReadOnlyList<(int Offset, int Length)>> _touched = [[]];

    public Guid Replica => replica;
    public long Newest => _states.Count - 1;
    /// <summary>Nothing is known of what is older, as when history was folded.</summary>
    public long Folded { get; set; }

    public byte[] At(long sequence) => _states[(int)sequence];

    /// <summary>One more sequence, with some writes and some zeros.</summary>
    /// <returns>Bytes that it touched, at most.</returns>
    public long Write(int writes, int longest = 200_000)
    {
        var state = (byte[])_states[^1].Clone();
        var touched = new List<(int, int)>();
        for (var i = 0; i < writes; i++)
        {
            var length = 512 * prng.Next(1, longest / 512);
            var offset = 512 * prng.Next((state.Length - length) / 512 + 1);
            if (prng.Chance(0.25)) state.AsSpan(offset, length).Clear();
            else prng.Bytes(length).CopyTo(state, offset);
            touched.Add((offset, length));
        }
        _states.Add(state);
        _touched.Add(touched);
        return touched.Sum(t => (long)t.Item2);
    }

    public DiskExport Export(long sequence, string name) => new(this, sequence, name);

    internal bool[]? ChangedSince(long sequence, long other)
    {
        var (from, to) = (Math.Min(sequence, other), Math.Max(sequence, other));
        if (from < Folded || to > Newest) return null;
        var changed = new bool[bytes / 512];
        for (var s = from + 1; s <= to; s++)
            foreach (var (offset, length) in _touched[(int)s]) changed.AsSpan(offset / 512, length / 512).Fill(true);
        return changed;
    }
}

/// <summary>One sequence of a <see cref="DiskHistory"/>.</summary>
public sealed class DiskExport(DiskHistory history, long sequence, string name) : INbdExport
{
    private long _read;

    /// <summary>After so many bytes every read fails.</summary>
    public long FailsAfter { get; set; } = long.MaxValue;
    public long BytesRead => Volatile.Read(ref _read);

    public NbdExportInfo Info { get; } = new()
    {
        Name = name, Size = history.At(sequence).Length, ReadOnly = true, CanMultiConn = true,
    };

    public NbdError Read(long offset, Span<byte> buffer)
    {
        if (Interlocked.Add(ref _read, buffer.Length) > FailsAfter) return NbdError.Io;
        history.At(sequence).AsSpan((int)offset, buffer.Length).CopyTo(buffer);
        return NbdError.None;
    }

    public bool Offers(string context) =>
        ChangedContext.TryParse(context, out var replica, out _) && replica == history.Replica;

    public NbdError BlockStatus(string context, long offset, long length, NbdExtents extents)
    {
        ChangedContext.TryParse(context, out _, out var since);
        if (history.ChangedSince(sequence, since) is not { } changed) return NbdError.NotSupported;
        for (var at = offset; at < offset + length; at += 512)
            if (!extents.Add(512, changed[at / 512] ? ChangedContext.Changed : 0)) break;
        return NbdError.None;
    }
}
