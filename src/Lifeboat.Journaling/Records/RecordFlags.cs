// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Records;

/// <summary>Bits of a record header. On disk and on the wire; unknown bits are kept and ignored.</summary>
[Flags]
public enum RecordFlags : ushort
{
    None = 0,
    /// <summary>Data of a batch that was read from the disk afterwards, not captured in write order.</summary>
    Pulled = 1,
    /// <summary>
    /// A checkpoint that the source could not confirm before it was shipped: it keeps its sequence but is no recovery
    /// point.
    /// </summary>
    Withdrawn = 2,
}
