// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Policies;

namespace Lifeboat.Replication.Moments;

/// <summary>How a group is read whose writes are not captured.</summary>
/// <param name="Tap">Owned by the caller, who disposes it after the source has stopped.</param>
/// <param name="Period">From one moment to the next, where the trigger is periodic.</param>
public sealed record MomentOptions(IMomentTap Tap, TimeSpan Period,
    MomentTrigger Trigger = MomentTrigger.Periodic);

/// <summary>What a source of moments says of itself.</summary>
/// <param name="Last">The newest that the recovery site has; null: none so far.</param>
/// <param name="LastBytes">Payload that the last one put into the stream.</param>
/// <param name="UnderWay">The one that is being sent now.</param>
/// <param name="Next">When the next one is due; null: nobody knows.</param>
/// <param name="GivenUp">How many were given up since the source began.</param>
/// <param name="Failure">Why the last one was; null: it was not.</param>
public sealed record MomentsSnapshot(TimeSpan Period, DateTimeOffset? Last, long LastBytes, DateTimeOffset? UnderWay,
    DateTimeOffset? Next, long GivenUp, string? Failure);
