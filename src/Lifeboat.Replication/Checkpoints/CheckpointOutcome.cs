// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Replication.Checkpoints;

/// <summary>What a request for a checkpoint came to.</summary>
/// <param name="Point">The point that was cut; null when none was, for the reason given.</param>
/// <param name="Held">How long acknowledgements were withheld.</param>
public sealed record CheckpointOutcome(RecoveryPoint? Point, TimeSpan Held, ReasonCode Reason, string? Detail = null);
