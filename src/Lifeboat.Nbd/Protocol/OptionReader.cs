// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Lifeboat.Nbd;

/// <summary>Reads fields of an option or option reply; every read says whether the field was there.</summary>
internal ref struct OptionReader(ReadOnlySpan<byte> data)
{
    private ReadOnlySpan<byte> _left = data;

    public readonly int Left => _left.Length;

    public bool TryReadUInt16(out ushort value)
    {
        if (!BinaryPrimitives.TryReadUInt16BigEndian(_left, out value))
            return false;
        _left = _left[2..];
        return true;
    }

    public bool TryReadUInt32(out uint value)
    {
        if (!BinaryPrimitives.TryReadUInt32BigEndian(_left, out value))
            return false;
        _left = _left[4..];
        return true;
    }

    public bool TryReadUInt64(out ulong value)
    {
        if (!BinaryPrimitives.TryReadUInt64BigEndian(_left, out value))
            return false;
        _left = _left[8..];
        return true;
    }

    /// <summary>A 32-bit length and that many bytes of valid UTF-8, at most <paramref name="max"/>.</summary>
    public bool TryReadString(int max, out string value)
    {
        value = "";
        if (!TryReadUInt32(out var length) || length > max || length > _left.Length)
            return false;
        return TryTakeText((int)length, out value);
    }

    /// <summary>All that is left, as valid UTF-8.</summary>
    public bool TryReadRest(int max, out string value)
    {
        value = "";
        return _left.Length <= max && TryTakeText(_left.Length, out value);
    }

    private bool TryTakeText(int length, out string value)
    {
        var text = _left[..length];
        value = Utf8.IsValid(text) ? Encoding.UTF8.GetString(text) : "";
        _left = _left[length..];
        return value.Length > 0 || length == 0;
    }
}
