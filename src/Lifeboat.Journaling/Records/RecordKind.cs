// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Records;

/// <summary>Kinds of journal records. Numbers are on disk and on the wire and never change.</summary>
public enum RecordKind : byte
{
    /// <summary>Bytes written to a volume.</summary>
    Write = 1,
    /// <summary>A range of a volume that reads as zeroes from here on; carries no data.</summary>
    Zero = 2,
    /// <summary>A cut over all volumes of the group; carries the recovery point as UTF-8 JSON.</summary>
    Checkpoint = 3,
    /// <summary>Order was given up before this record: no cut is valid until the matching end.</summary>
    BatchBegin = 4,
    /// <summary>Everything missing has arrived; cuts are valid again.</summary>
    BatchEnd = 5,
    /// <summary>From here on a volume ends at this offset; only inside a batch, and never less than before.</summary>
    VolumeSize = 6,
    /// <summary>
    /// In an index only: there was a record of this sequence, and nothing is left that says what it was.
    /// </summary>
    Lost = 255,
}
