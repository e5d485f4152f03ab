// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;

namespace Lifeboat.Replication.Replicas;

/// <summary>Which part of a replica is damaged. Numbers are stored and never change.</summary>
public enum DamagePlace
{
    Base = 1,
    /// <summary>The table of checksums: nobody can vouch for the blocks that it is about.</summary>
    Checksums = 2,
    /// <summary>A record: what it had written is lost.</summary>
    Record = 3,
    /// <summary>Records at the end of the journal that had been durable.</summary>
    JournalEnd = 4,
    /// <summary>A head or an index of the journal.</summary>
    JournalFrame = 5,
    Manifest = 6,
    /// <summary>Records of which not even the index is left: they may have written anything.</summary>
    Stretch = 7,
}

/// <summary>Something in a replica that is not what was written there.</summary>
/// <param name="File">Where, for a person.</param>
/// <param name="Position">Byte in the file; of a base image the offset in the volume.</param>
/// <param name="Volume">Of the range that is lost.</param>
/// <param name="Offset">First byte of the volume that is lost.</param>
/// <param name="Length">Bytes that are lost until the source sends them again; 0: none.</param>
/// <param name="Sequence">States before it are not touched; 0: all are.</param>
/// <param name="FoundAt">By this site's clock.</param>
/// <param name="MendedAt">States from this sequence on are right again; null: the source has to send it.</param>
/// <param name="Repaired">It was made again from the rest at once.</param>
public sealed record ReplicaDamage(DamagePlace Place, string File, long Position, ushort Volume, long Offset,
    long Length, long Sequence, DateTimeOffset FoundAt, long? MendedAt, bool Repaired)
{
    [JsonIgnore]
    public long End => Offset + Length;

    /// <summary>What was lost nobody knows, so all volumes are compared.</summary>
    [JsonIgnore]
    public bool IsStretch => Place == DamagePlace.Stretch;

    /// <summary>Of a stretch: the last record of it. What is lost behind that was there when it was compared.</summary>
    public long? LostTo { get; init; }

    /// <summary>Of a stretch: batches that were begun behind this sequence compare; null: none will yet.</summary>
    public long? KnownTo { get; init; }

    /// <summary>Of a stretch: volumes that have not been compared since.</summary>
    public IReadOnlyList<ushort>? Waits { get; init; }

    /// <summary>Whether the state at a sequence has lost bytes to it.</summary>
    public bool Touches(long sequence) => (Length > 0 || IsStretch) && sequence >= Sequence
        && (MendedAt is not { } mended || sequence < mended);

    public override string ToString() => IsStretch
        ? $"{Place} in {File} at byte {Position}: nobody knows what was written from sequence {Sequence} on, "
            + $"found {FoundAt:u}"
        : Length > 0
        ? $"{Place} in {File} at byte {Position}: volume {Volume}, {Length} bytes from {Offset}, found {FoundAt:u}"
        : $"{Place} in {File} at byte {Position}, found {FoundAt:u}";
}

/// <summary>A range of a volume that the source is asked to send again.</summary>
public readonly record struct LostRange(ushort Volume, long Offset, long Length);
