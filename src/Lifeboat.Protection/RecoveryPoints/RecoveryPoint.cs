// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;

namespace Lifeboat.Protection.RecoveryPoints;

/// <summary>State of a recovery point. Numbers are stored and never change.</summary>
public enum PointState : byte
{
    Open = 1,
    Sealed = 2,
    Verified = 3,
    Pinned = 4,
    Expired = 5,
    /// <summary>Part of what it needs is damaged at the recovery site.</summary>
    Damaged = 6,
}

/// <summary>A moment a group can be recovered to, as listed from the journal alone.</summary>
/// <param name="Id">Given by the source when it cuts the checkpoint; the same on both sides.</param>
/// <param name="Sequence">Everything up to and including this sequence belongs to the point.</param>
/// <param name="CutAt">Source clock, UTC.</param>
/// <param name="Quiesced">Consistency per instance name.</param>
public sealed record RecoveryPoint(
    Guid Id, long Sequence, Epoch Epoch, DateTimeOffset CutAt, Consistency Consistency, PointState State,
    string? Label, string? Note, IReadOnlyDictionary<string, Consistency> Quiesced)
{
    /// <summary>By instance: how it is known what it had reached, as its quiesce steps said it; null: none.</summary>
    public IReadOnlyDictionary<string, string>? Evidence { get; init; }

    /// <summary>Volumes of the group that were added after the point and are not in it; null: none.</summary>
    public IReadOnlyList<string>? Without { get; init; }

    /// <summary>
    /// What the site itself held before it became the recovery site: the state that gave way when both sides had
    /// written. Never taken as the newest point; only by its id.
    /// </summary>
    [JsonIgnore]
    public bool IsOrigin => Sequence == 0;
}
