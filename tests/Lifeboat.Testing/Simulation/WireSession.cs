// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Replication.Linking;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// I9, on the wire: a source goes on where the replica says that it is. Its first frame begins right behind what the
/// reply calls durable, in the stream of the reply or with the begin of a batch; the others follow without a gap, in
/// the same stream (docs/formats/link.md, "Where to go on"). A replica refuses all else, so who does not keep to it
/// loses nothing: it comes back with the same for ever, and nobody is protected until something else ends its stream.
/// </summary>
public sealed class WireSession
{
    private readonly Dictionary<long, ShippedFrame?> _early = [];
    private ShippedFrame? _before;
    private long _parts;

    /// <summary>What the source was answered; null: nothing yet.</summary>
    public HelloReply? Told { get; set; }

    /// <summary>What is wrong with a message of the source, if anything is.</summary>
    /// <param name="part">Its number, when the session goes over several paths, which overtake each other.</param>
    /// <param name="frame">Null: it is no frame.</param>
    public string? Fault(long? part, ShippedFrame? frame)
    {
        if (part is not { } number) return Fault(frame);
        // What a path took with it when it ended is said again over another one.
        if (number > _parts) _early.TryAdd(number, frame);
        string? fault = null;
        while (_early.Remove(_parts + 1, out var next))
        {
            _parts++;
            fault ??= Fault(next);
        }
        return fault;
    }

    private string? Fault(ShippedFrame? shipped)
    {
        if (shipped is not { } frame || Told is not { } told) return null;
        var before = _before;
        _before = frame;
        if (before is { } last)
            return frame.Stream == last.Stream && frame.First == last.Last + 1
                ? null
                : $"ships {frame} behind {last}";
        return frame.First == told.Durable + 1 && (frame.BeginsBatch || frame.Stream == told.StreamId)
            ? null
            : $"was told that the replica has {told.Durable} of stream {told.StreamId:N}, and ships {frame}";
    }
}

/// <param name="BeginsBatch">Its first record does: a stream may begin with it.</param>
public readonly record struct ShippedFrame(Guid Stream, long First, long Last, bool BeginsBatch)
{
    internal static ShippedFrame Of(in FrameHeader frame, ReadOnlyMemory<byte> records) =>
        new(frame.StreamId, frame.First, frame.Last,
            RecordCodec.TryReadHeader(records.Span, out var first) == RecordReadOutcome.Read
            && first.Kind == RecordKind.BatchBegin);

    public override string ToString() => $"{First} to {Last} of stream {Stream:N}";
}
