// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Journaling.Segments;

/// <summary>
/// The bytes between the last whole block of the growing segment's file and the segment's end, as they were written: so
/// the next append can begin with that block without reading it.
/// </summary>
internal sealed class TailBlock
{
    private readonly byte[] _bytes = new byte[IoRoom.BlockBytes];
    private Segment? _segment;
    private long _end; // of the bytes that are here; the segment's end, or they are of no use

    /// <param name="into">As long as those bytes are.</param>
    /// <returns>False: they are not known, as after opening.</returns>
    public bool TryCopy(Segment segment, Span<byte> into)
    {
        if (into.IsEmpty) return true;
        if (_segment != segment || _end != segment.Tail) return false;
        _bytes.AsSpan(0, into.Length).CopyTo(into);
        return true;
    }

    /// <summary>This was written at the segment's end, which is still the old one.</summary>
    public void Append(Segment segment, ReadOnlySpan<byte> written)
    {
        var lead = (int)(segment.Tail % IoRoom.BlockBytes);
        var isKnown = lead == 0 || (_segment == segment && _end == segment.Tail);
        var end = segment.Tail + written.Length;
        var rest = (int)(end % IoRoom.BlockBytes);
        if (rest <= written.Length) (isKnown, lead) = (true, 0);
        else rest = written.Length;
        written[^rest..].CopyTo(_bytes.AsSpan(lead));
        (_segment, _end) = (isKnown ? segment : null, end);
    }
}
