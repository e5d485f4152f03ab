// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Lifeboat.Nbd;

/// <summary>
/// Gathers answers, so that those of a whole batch leave in one send. The data of the first read begins at a cache
/// line, as in <see cref="RequestBuffer"/>.
/// </summary>
internal sealed class ReplyBuffer
{
    private const int InitialBytes = 64 * 1024;
    private const int SoftLimit = 256 * 1024;
    private const int ReadHeaderBytes = Wire.ChunkHeaderBytes + 8;

    private readonly Channel _channel;
    private readonly Session _session;
    private byte[] _buffer;
    private int _origin;   // where the first answer stands
    private int _used;

    public ReplyBuffer(Channel channel, Session session)
    {
        (_channel, _session) = (channel, session);
        _buffer = LinedBuffer.Make(InitialBytes, HeaderBytes, out _origin);
        _used = _origin;
    }

    /// <summary>So much is waiting that it should be sent before more requests are served.</summary>
    public bool IsFull => _used >= SoftLimit;

    private int HeaderBytes => _session.Structured ? ReadHeaderBytes : Wire.SimpleReplyBytes;

    public bool HasRoomFor(int readBytes) => _used == _origin || _used + readBytes <= SoftLimit;

    public void Send()
    {
        _channel.Send(_buffer.AsSpan(_origin, _used - _origin));
        _used = _origin;
    }

    public int Mark() => _used;

    public void RollBack(int mark) => _used = mark;

    public void AddSimple(ulong cookie, NbdError error) => WriteSimple(Take(Wire.SimpleReplyBytes), cookie, error);

    /// <summary>Where the data of a read goes; the answer exists only after <see cref="CommitRead"/>.</summary>
    public Span<byte> BeginRead(ulong cookie, ulong offset, int length)
    {
        if (!_session.Structured)
        {
            Reserve(Wire.SimpleReplyBytes + length);
            WriteSimple(_buffer.AsSpan(_used), cookie, NbdError.None);
            return _buffer.AsSpan(_used + Wire.SimpleReplyBytes, length);
        }
        Reserve(ReadHeaderBytes + length);
        var chunk = _buffer.AsSpan(_used);
        WriteChunk(chunk, Wire.ChunkDone, ChunkType.OffsetData, cookie, 8 + length);
        BinaryPrimitives.WriteUInt64BigEndian(chunk[Wire.ChunkHeaderBytes..], offset);
        return _buffer.AsSpan(_used + ReadHeaderBytes, length);
    }

    public void CommitRead(int length) => _used += length + HeaderBytes;

    public void AddReadError(ulong cookie, NbdError error)
    {
        if (_session.Structured)
            AddChunkError(cookie, error);
        else
            AddSimple(cookie, error);
    }

    public void AddChunkError(ulong cookie, NbdError error)
    {
        if (!_session.Structured)
        {
            AddSimple(cookie, error);
            return;
        }
        var chunk = Take(Wire.ChunkHeaderBytes + 6);
        WriteChunk(chunk, Wire.ChunkDone, ChunkType.Error, cookie, 6);
        BinaryPrimitives.WriteUInt32BigEndian(chunk[Wire.ChunkHeaderBytes..], (uint)error);
        BinaryPrimitives.WriteUInt16BigEndian(chunk[(Wire.ChunkHeaderBytes + 4)..], 0);
    }

    public void AddBlockStatus(ulong cookie, uint contextId, IReadOnlyList<NbdExtent> extents, bool last)
    {
        var length = 4 + 8 * extents.Count;
        var chunk = Take(Wire.ChunkHeaderBytes + length);
        WriteChunk(chunk, last ? Wire.ChunkDone : (ushort)0, ChunkType.BlockStatus, cookie, length);
        var body = chunk[Wire.ChunkHeaderBytes..];
        BinaryPrimitives.WriteUInt32BigEndian(body, contextId);
        for (var i = 0; i < extents.Count; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(body[(4 + 8 * i)..], (uint)extents[i].Length);
            BinaryPrimitives.WriteUInt32BigEndian(body[(8 + 8 * i)..], extents[i].Flags);
        }
    }

    private static void WriteSimple(Span<byte> reply, ulong cookie, NbdError error)
    {
        BinaryPrimitives.WriteUInt32BigEndian(reply, Wire.SimpleReplyMagic);
        BinaryPrimitives.WriteUInt32BigEndian(reply[4..], (uint)error);
        BinaryPrimitives.WriteUInt64BigEndian(reply[8..], cookie);
    }

    private static void WriteChunk(Span<byte> chunk, ushort flags, ChunkType type, ulong cookie, int length)
    {
        BinaryPrimitives.WriteUInt32BigEndian(chunk, Wire.ChunkMagic);
        BinaryPrimitives.WriteUInt16BigEndian(chunk[4..], flags);
        BinaryPrimitives.WriteUInt16BigEndian(chunk[6..], (ushort)type);
        BinaryPrimitives.WriteUInt64BigEndian(chunk[8..], cookie);
        BinaryPrimitives.WriteInt32BigEndian(chunk[16..], length);
    }

    private Span<byte> Take(int length)
    {
        Reserve(length);
        var taken = _buffer.AsSpan(_used, length);
        _used += length;
        return taken;
    }

    private void Reserve(int length)
    {
        if (_used + length <= _buffer.Length)
            return;
        var target = Math.Max(_used + length, Math.Min(2 * _buffer.Length, 4 * SoftLimit));
        var waiting = _buffer.AsSpan(_origin, _used - _origin);
        _buffer = LinedBuffer.Make(target, HeaderBytes, out _origin);
        waiting.CopyTo(_buffer.AsSpan(_origin));
        _used = _origin + waiting.Length;
    }
}
