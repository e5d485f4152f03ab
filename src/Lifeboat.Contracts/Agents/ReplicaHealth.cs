// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Agents;

/// <summary>Which part of a replica is damaged. Numbers are stored and never change.</summary>
public enum DamagedPart
{
    Base = 1, Checksums = 2, Record = 3, JournalEnd = 4, JournalFrame = 5, Manifest = 6,
    /// <summary>Records that are lost with all that said what they were.</summary>
    Stretch = 7,
}

/// <summary>Something in a replica that is not what was written there.</summary>
/// <param name="File">Where it is, and at which byte.</param>
/// <param name="Volume">The volume that has lost bytes; null: none has.</param>
/// <param name="Offset">First byte of the volume that is lost.</param>
/// <param name="Length">Bytes that are lost.</param>
/// <param name="Sequence">States before it are not touched; 0: all are.</param>
/// <param name="MendedAt">States from this sequence on are right; null: the source has not sent it again yet.</param>
public sealed record DamageStatus(DamagedPart Part, string File, long Position, string? Volume, long Offset,
    long Length, long Sequence, DateTimeOffset FoundAt, long? MendedAt)
{
    public override string ToString() =>
        Part == DamagedPart.Stretch ? $"whatever was written from sequence {Sequence} on ({File} at byte {Position})"
        : Length == 0 ? $"{File} at byte {Position}"
        : $"{Length} bytes from {Offset} of {Volume} ({File} at byte {Position})";
}

/// <param name="LastPassAt">End of the last full pass; null: there was none.</param>
/// <param name="LastPassBytes">Bytes read by it; 0 when the agent was restarted since.</param>
/// <param name="PassBytes">Bytes read by the pass under way; 0: none is.</param>
/// <param name="Checksums">0 to 1: how much of the base images has checksums.</param>
/// <param name="Found">Damages found since the agent was started.</param>
/// <param name="Repaired">The last ones that are whole again.</param>
/// <param name="Problem">Why the pass does not go on.</param>
public sealed record ScrubStatus(DateTimeOffset? LastPassAt, long LastPassBytes, long PassBytes, double Checksums,
    long Found, IReadOnlyList<DamageStatus> Repaired, string? Problem);
