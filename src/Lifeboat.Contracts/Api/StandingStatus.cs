// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Contracts.Api;

/// <summary>The standing volumes of a group at its recovery site, as the controller knows it that keeps them.</summary>
public sealed record StandingStatus
{
    public required IReadOnlyList<StandingVolumeInfo> Volumes { get; init; }
    /// <summary>When the last round ended that brought all of them to a point; null: none since the start.</summary>
    public DateTimeOffset? RoundEnded { get; init; }
    /// <summary>Seconds that it took.</summary>
    public double? RoundSeconds { get; init; }
    /// <summary>Why the last round did not bring them to its point; `none`: it did, or none has ended.</summary>
    public ReasonCode Reason { get; init; }
    public string? Detail { get; init; }
}

/// <summary>One standing volume.</summary>
/// <param name="Volume">Its name in the group.</param>
/// <param name="CloudVolume">Id of the volume in the cloud; null: it is not there yet.</param>
/// <param name="CutAt">When the point was cut that it is at, or was at last; null: it was at none yet.</param>
/// <param name="Written">Bytes that the last round wrote.</param>
/// <param name="Snapshots">Of application-consistent points, that Lifeboat made of it.</param>
public sealed record StandingVolumeInfo(string Volume, string? CloudVolume, DateTimeOffset? CutAt, long Written,
    int Snapshots)
{
    /// <summary>False: it is between two points, or nobody knows what it holds.</summary>
    public bool IsAtPoint { get; init; }
    /// <summary>Bytes read and to be read by a round that is under way.</summary>
    public long? Moved { get; init; }
    public long? ToMove { get; init; }
}
