// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Agents;

/// <summary>Asks what QEMU's change maps hold of these disks; nobody may be the source of them now.</summary>
public sealed record ChangeMapRequest(IReadOnlyList<SourceVolume> Volumes);

/// <summary>Asks how disks of this host differ from a replica at a sequence, byte for byte.</summary>
/// <param name="Sequence">A consistent state in the replica's history.</param>
/// <param name="Files">Raw image files; an instance may be writing to them.</param>
public sealed record CompareRequest(long Sequence, IReadOnlyList<ComparedFile> Files);

public sealed record ComparedFile(ushort Index, string Name, string File);

/// <param name="Known">False: there is no usable change map, so all that can be said is "anything".</param>
/// <param name="Bytes">In whole blocks of 4 KiB, or of the map's granularity.</param>
/// <param name="Extents">Runs of such blocks.</param>
public sealed record VolumeChanges(string Name, bool Known, long Bytes, long Extents, string? Detail = null);

/// <param name="Done">The figures are whole; else they are of what was read so far.</param>
/// <param name="Progress">0 to 1.</param>
public sealed record ChangeReport(bool Done, double Progress, IReadOnlyList<VolumeChanges> Volumes,
    string? Problem = null);
