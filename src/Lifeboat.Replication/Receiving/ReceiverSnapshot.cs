// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Replication.Receiving;

/// <summary>What a receiver says of itself; the rest of a replica's state is the replica's to tell.</summary>
/// <param name="Connected">A source is connected now.</param>
/// <param name="Reason">Why the last source was refused or left; None while one is connected.</param>
/// <param name="ReceivedBytes">Bytes of records received, duplicates included.</param>
/// <param name="RefusedFrames">Hellos and frames refused for an older epoch or another site.</param>
public sealed record ReceiverSnapshot(
    bool Connected, ReasonCode Reason, string? Detail, long ReceivedBytes, long RefusedFrames);
