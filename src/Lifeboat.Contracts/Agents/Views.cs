// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Agents;

/// <param name="Name">The caller's name for the view; opening the same name again returns the same view.</param>
/// <param name="PointId">The recovery point to open; null with <paramref name="Sequence"/> null: the newest
/// sealed.</param>
/// <param name="Sequence">Any sequence in the history (crash-consistent).</param>
/// <param name="Writable">Copy-on-write; writes are dropped when the view is closed. Else read-only.</param>
/// <param name="AcceptDamage">Open a damaged point as well: reading what is lost fails, all else is right.</param>
public sealed record ViewRequest(string Name, Guid? PointId, long? Sequence, bool Writable,
    bool AcceptDamage = false);

/// <summary>A point in time, exported over NBD. Survives a restart of the agent under the same name and
/// sockets.</summary>
public sealed record ViewInfo(string Name, long Sequence, Guid? PointId, bool Writable,
    IReadOnlyList<ViewVolume> Volumes)
{
    /// <summary>Which replica it is a view of: sequences of another one mean nothing here. Null: an older
    /// agent.</summary>
    public Guid? Replica { get; init; }
}

/// <param name="Socket">Unix socket of the NBD server.</param>
/// <param name="Export">NBD export name.</param>
public sealed record ViewVolume(ushort Index, string Name, string Socket, string Export, long SizeBytes);

/// <param name="Moves">How often the source was moved in this epoch: one that was moved less often is refused.</param>
public sealed record EpochRequest(Protection.Epoch Epoch, long Moves = 0);

/// <summary>A named lease that keeps a point from expiring. Pinning again under the same name changes
/// nothing.</summary>
public sealed record PinRequest(string Name, Guid PointId);
