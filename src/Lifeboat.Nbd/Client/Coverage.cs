// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>
/// Which bytes of a read have arrived: chunks may come in any order, but no byte twice. The usual order costs nothing;
/// a server that scatters its chunks may do so into a bounded number of pieces.
/// </summary>
internal sealed class Coverage(long length)
{
    private const int PiecesMax = 4096;

    private readonly SortedList<long, long> _pieces = [];   // start -> end, never touching
    private long _contiguous;

    public bool IsComplete => _contiguous == length;

    /// <summary>False when the piece lies outside, overlaps an earlier one or is one piece too many.</summary>
    public bool TryAdd(long start, long count)
    {
        if (count <= 0 || start < _contiguous || count > length - start)
            return false;
        if (start > _contiguous)
            return TryAddApart(start, start + count);
        if (_pieces.Count > 0 && _pieces.Keys[0] < start + count)
            return false;
        _contiguous = start + count;
        while (_pieces.Count > 0 && _pieces.Keys[0] == _contiguous)
        {
            _contiguous = _pieces.Values[0];
            _pieces.RemoveAt(0);
        }
        return true;
    }

    private bool TryAddApart(long start, long end)
    {
        var next = 0;
        while (next < _pieces.Count && _pieces.Keys[next] < start)
            next++;
        if (next > 0 && _pieces.Values[next - 1] > start)
            return false;
        if (next < _pieces.Count && _pieces.Keys[next] < end)
            return false;
        return _pieces.Count < PiecesMax && _pieces.TryAdd(start, end);
    }
}
