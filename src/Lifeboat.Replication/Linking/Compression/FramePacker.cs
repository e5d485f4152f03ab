// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking.Compression;

/// <summary>Puts the records of one session into frames, packed when that pays. One caller at a time.</summary>
internal sealed class FramePacker(CompressionChooser chooser, TimeProvider time) : IDisposable
{
    private readonly FrameCodecs _codecs = new();

    public FrameCompression Current => chooser.Current;

    /// <param name="body">As long as the records or longer.</param>
    /// <returns>How they are packed there and in how many bytes; none: they are not there.</returns>
    public (FrameCompression Compression, int Length) Pack(ReadOnlySpan<byte> records, Span<byte> body)
    {
        var compression = chooser.Next(records.Length);
        if (compression != FrameCompression.None)
        {
            var began = time.GetTimestamp();
            // Less than a sixteenth saved is not worth unpacking.
            var length = _codecs.Of(compression).Pack(records, body[..(records.Length - records.Length / 16)]);
            chooser.Tried(compression, records.Length, length == 0 ? records.Length : length,
                time.GetElapsedTime(began));
            if (length > 0) return (compression, length);
        }
        return (FrameCompression.None, records.Length);
    }

    public void Dispose() => _codecs.Dispose();
}
