// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Capture;

/// <summary>One volume of the stream; guarded by the stream's lock.</summary>
internal sealed class StreamVolumeState(StreamVolume volume)
{
    public ushort Index => volume.Index;
    public long SizeBytes { get; set; } = volume.SizeBytes;
    /// <summary>What the recovery site has it as behind the last record; 0: it has no such volume yet.</summary>
    public long StatedBytes { get; set; } = volume.StatedBytes ?? volume.SizeBytes;

    /// <summary>When this stream began the recovery site had no byte of it.</summary>
    public bool BeganAbsent => volume.StatedBytes == 0;

    /// <summary>The sink that may append; null while nothing is attached.</summary>
    public VolumeSink? Sink { get; set; }
    /// <summary>Everything the guest was told is durable is in the stream, the gap included.</summary>
    public bool Whole { get; set; }
    /// <summary>It was whole when it was lost, and nothing was attached since.</summary>
    public bool WholeUntilLost { get; set; }
    /// <summary>It was whole to the end of its instance: nothing is missing although nothing is captured.</summary>
    public bool EndedWhole { get; set; }
    /// <summary>It was unplugged while whole: nothing is missing, and nothing can be written.</summary>
    public bool AtRest { get; set; }
    /// <summary>Unplugged before it was whole: points are cut without it, and say so.</summary>
    public bool Absent { get; set; }
    /// <summary>What was written since the attach, while a pull may still bring older bytes.</summary>
    public WrittenRanges? Written { get; set; }
    /// <summary>This stream has records of the volume.</summary>
    public bool Touched { get; set; }
    /// <summary>Captured bytes over all attaches.</summary>
    public long CapturedBytes { get; set; }
}
