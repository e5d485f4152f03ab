// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Agents;

/// <summary>Writes or reads a seed: a copy of a group's disks that is carried to the recovery site.</summary>
/// <param name="Directory">Absolute, on the host of the agent that is asked.</param>
public sealed record SeedRequest(string Directory);

/// <summary>A seed as it was written, or as it was found to be whole.</summary>
/// <param name="Directory">Of the seed itself.</param>
/// <param name="StoredBytes">Of its files; zeroes are left out and the rest is packed.</param>
public sealed record SeedInfo(string Directory, string Group, string PrimarySite, string RecoverySite,
    Protection.Epoch Epoch, DateTimeOffset BeganAt, DateTimeOffset EndedAt, long StoredBytes,
    IReadOnlyList<SeedVolumeInfo> Volumes);

public sealed record SeedVolumeInfo(ushort Index, string Name, long SizeBytes, string File);

/// <summary>How far the work on a seed is.</summary>
/// <param name="Total">Bytes to read.</param>
/// <param name="Left">At the pace of the last seconds; null: it cannot be told yet.</param>
public sealed record SeedProgress(SeedWork Work, DateTimeOffset Since, long Done, long Total, TimeSpan? Left = null);

/// <summary>Numbers are on the wire and never change.</summary>
public enum SeedWork { None = 0, Exporting = 1, Verifying = 2, Importing = 3 }
