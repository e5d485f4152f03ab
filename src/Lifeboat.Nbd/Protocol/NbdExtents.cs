// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>
/// Collects the extents of one block status answer, in order from the requested offset. Merges equal neighbours,
/// clips at the end of the request and holds a bounded number: when <see cref="Add"/> returns false nothing more
/// fits, and the answer is complete as it is (the client asks again from where it ends).
/// </summary>
public sealed class NbdExtents
{
    private readonly List<NbdExtent> _extents = [];
    private long _length;
    private long _left;
    private int _max = 1;

    public IReadOnlyList<NbdExtent> Items => _extents;

    internal long Collected => _length - _left;

    /// <summary>Starts an answer over so many bytes, of at most so many extents; the server does it.</summary>
    public void Begin(long length, int max)
    {
        _extents.Clear();
        (_length, _left) = (length, length);
        _max = max;
    }

    public bool Add(long length, uint flags)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        length = Math.Min(length, _left);
        if (length == 0)
            return _left > 0;
        if (_extents.Count > 0 && _extents[^1].Flags == flags)
            _extents[^1] = new NbdExtent(_extents[^1].Length + length, flags);
        else if (_extents.Count < _max)
            _extents.Add(new NbdExtent(length, flags));
        else
            return false;
        _left -= length;
        return _left > 0;
    }
}
