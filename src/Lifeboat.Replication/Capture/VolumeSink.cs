// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Capture;

/// <summary>One attach of one volume. A later attach has its own; this one then refuses everything.</summary>
public sealed class VolumeSink : ICaptureSink
{
    private readonly CaptureStream _stream;

    internal VolumeSink(CaptureStream stream, StreamVolumeState state)
    {
        _stream = stream;
        State = state;
    }

    public ushort Volume => State.Index;
    internal StreamVolumeState State { get; }
    /// <summary>Whoever writes now waits for the end of a hold.</summary>
    internal bool WouldWait => _stream.WouldWait;

    public bool Write(long offset, ReadOnlySpan<byte> data) => _stream.Append(this, offset, data);
    public bool Zero(long offset, long length) => _stream.AppendZero(this, offset, length);
    public Memory<byte> Place(int length) => _stream.Place(length);
    public bool WritePlaced(long offset, Memory<byte> place) => _stream.AppendPlaced(this, offset, place);
    public void Lost() => _stream.MarkLost(this);
}
