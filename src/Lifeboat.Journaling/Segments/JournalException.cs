// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Segments;

public enum JournalFault
{
    /// <summary>Records that must be there are not, or are damaged: the replica needs a resync.</summary>
    Corrupt = 1,
    /// <summary>
    /// A write or flush failed earlier: what is on the medium is unknown until the journal is reopened.
    /// </summary>
    Poisoned = 2,
    /// <summary>The sequence is not in the journal.</summary>
    SequenceUnknown = 3,
    /// <summary>One record is damaged; the journal as such is sound.</summary>
    RecordDamaged = 4,
}

public sealed class JournalException(
    JournalFault fault, string message, Exception? cause = null, JournalDamage? damage = null)
    : Exception(message, cause)
{
    public JournalFault Fault => fault;
    /// <summary>Of <see cref="JournalFault.RecordDamaged"/>.</summary>
    public JournalDamage? Damage => damage;

    internal static JournalException Of(JournalDamage damage) =>
        new(JournalFault.RecordDamaged, $"damaged: {damage}", damage: damage);
}
