// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Text;

namespace Lifeboat.Nbd;

// Reads one reply or chunk after the other and gives it to the request it belongs to.
//
// Invariants:
//   A byte is written to a caller's memory only at a place the request asked for, and only once.
//   A length from the server never sizes an allocation before it was compared with a limit of ours.
//   After any violation nothing more is read.
internal sealed class ReplyReader(Stream stream, Agreed agreed, PendingRequests pending)
{
    private readonly ReplyStream _in = new(stream);

    public async Task ReadOneAsync(CancellationToken ct)
    {
        var start = (await _in.PeekAsync(Wire.SimpleReplyBytes, ct)).Span;
        var magic = BinaryPrimitives.ReadUInt32BigEndian(start);
        if (magic == Wire.SimpleReplyMagic)
        {
            var error = (NbdError)BinaryPrimitives.ReadUInt32BigEndian(start[4..]);
            var cookie = BinaryPrimitives.ReadUInt64BigEndian(start[8..]);
            _in.Skip(Wire.SimpleReplyBytes);
            await ReadSimpleAsync(cookie, error, ct);
        }
        else if (magic == Wire.ChunkMagic && agreed.Structured)
            await ReadChunkAsync(ct);
        else
            throw NbdException.Violation("bad reply magic");
    }

    private async Task ReadSimpleAsync(ulong cookie, NbdError error, CancellationToken ct)
    {
        var request = pending.Find(cookie);
        if (error != NbdError.None)
            request.SetError(error, "");
        else if (request.Command == Command.BlockStatus || (request.Command == Command.Read && agreed.Structured))
            throw NbdException.Violation($"a simple reply to {request.Command}");
        else if (request.Command == Command.Read)
            await _in.ReadExactlyAsync(request.Claim((ulong)request.Offset, request.Length), ct);
        Finish(request);
    }

    private async Task ReadChunkAsync(CancellationToken ct)
    {
        var header = (await _in.PeekAsync(Wire.ChunkHeaderBytes, ct)).Span;
        var flags = BinaryPrimitives.ReadUInt16BigEndian(header[4..]);
        var type = (ChunkType)BinaryPrimitives.ReadUInt16BigEndian(header[6..]);
        var cookie = BinaryPrimitives.ReadUInt64BigEndian(header[8..]);
        var length = BinaryPrimitives.ReadUInt32BigEndian(header[16..]);
        _in.Skip(Wire.ChunkHeaderBytes);
        if ((flags & ~Wire.ChunkDone) != 0)
            throw NbdException.Violation($"unknown chunk flags {flags:x}");
        var request = pending.Find(cookie);
        await ReadBodyAsync(request, type, length, ct);
        if ((flags & Wire.ChunkDone) != 0)
            Finish(request);
        else if (type == ChunkType.None)
            throw NbdException.Violation("an empty chunk that is not the last");
    }

    private async Task ReadBodyAsync(PendingRequest request, ChunkType type, uint length, CancellationToken ct)
    {
        if (type == ChunkType.None && length == 0)
            return;
        if (type == ChunkType.OffsetData && length > 8)
        {
            var at = await _in.ReadUInt64Async(ct);
            await _in.ReadExactlyAsync(request.Claim(at, length - 8), ct);
        }
        else if (type == ChunkType.OffsetHole && length == 12)
        {
            var at = await _in.ReadUInt64Async(ct);
            request.Claim(at, await _in.ReadUInt32Async(ct)).Span.Clear();
        }
        else if (type == ChunkType.BlockStatus && length >= 12 && length % 8 == 4)
            await ReadStatusAsync(request, (length - 4) / 8, ct);
        else if (((ushort)type & Wire.ChunkErrorBit) != 0)
            await ReadErrorAsync(request, type, length, ct);
        else
            throw NbdException.Violation($"a chunk of type {(ushort)type} and {length} bytes");
    }

    private async Task ReadStatusAsync(PendingRequest request, uint count, CancellationToken ct)
    {
        var contextId = await _in.ReadUInt32Async(ct);
        if (agreed.Contexts.All(c => c.Id != contextId))
            throw NbdException.Violation($"status of context {contextId}, which was not agreed on");
        if (count > NbdLimits.ExtentsAcceptedMax)
            throw NbdException.Violation($"{count} extents in one answer");
        var extents = new List<NbdExtent>();
        long left = request.Length;
        for (; count > 0; count--)
        {
            var (size, flags) = (await _in.ReadUInt32Async(ct), await _in.ReadUInt32Async(ct));
            if (size == 0 || left <= 0)
                throw NbdException.Violation("an empty extent, or one after the end of the request");
            extents.Add(new NbdExtent(Math.Min(size, left), flags));   // the last one may reach beyond
            left -= size;
        }
        request.AddStatus(contextId, extents);
    }

    private async Task ReadErrorAsync(PendingRequest request, ChunkType type, uint length, CancellationToken ct)
    {
        var tail = type == ChunkType.ErrorOffset ? 8 : 0;
        if (length < 6 + tail || length > 6 + tail + NbdLimits.NameBytesMax)
            throw NbdException.Violation($"an error chunk of {length} bytes");
        var body = new byte[length];
        await _in.ReadExactlyAsync(body, ct);
        var error = (NbdError)BinaryPrimitives.ReadUInt32BigEndian(body);
        int textBytes = BinaryPrimitives.ReadUInt16BigEndian(body.AsSpan(4));
        // An error type we do not know may carry anything after its text; those we know may not.
        var known = type is ChunkType.Error or ChunkType.ErrorOffset;
        if (6 + textBytes + tail > length || (known && 6 + textBytes + tail != length))
            throw NbdException.Violation("lengths in an error chunk do not add up");
        request.SetError(error, Encoding.UTF8.GetString(body, 6, textBytes));
    }

    private void Finish(PendingRequest request)
    {
        request.Complete();
        pending.Remove(request.Cookie);
    }
}
