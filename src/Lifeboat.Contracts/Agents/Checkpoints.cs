// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Contracts.Agents;

/// <param name="Quiesce">Freeze the guests first (application-consistent); else crash-consistent.</param>
/// <param name="CleanShutdown">The caller knows that the guests are shut down and flushed.</param>
/// <param name="WaitSealed">How long to wait until it is sealed at the recovery site; null: do not wait.</param>
public sealed record CheckpointRequest(bool Quiesce, bool CleanShutdown, string? Label, TimeSpan? WaitSealed);

/// <param name="Held">How long acknowledgements were withheld.</param>
/// <param name="Frozen">How long the guests were frozen; null without quiesce.</param>
public sealed record CheckpointResult(RecoveryPoint Point, bool Sealed, TimeSpan Held, TimeSpan? Frozen);

/// <param name="Limit">How long to wait; past it the request is refused with Timeout and nothing has changed.</param>
public sealed record DrainRequest(TimeSpan Limit);
