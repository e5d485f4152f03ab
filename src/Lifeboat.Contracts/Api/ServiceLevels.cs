// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

/// <summary>How well a group was protected in a month, as this site saw it.</summary>
/// <param name="Month">`2026-11`, UTC.</param>
/// <param name="Attainment">Met of met and missed, 0 to 1; null: the group was never to be measured.</param>
/// <param name="RpoTarget">As it is now; what was met or missed was measured against the target of the time.</param>
/// <param name="Met">While protected, a failover would have lost no more than the target.</param>
/// <param name="Missed">It would have lost more; or the group was diverged or in error.</param>
/// <param name="Suspended">On purpose: it counts neither for nor against.</param>
/// <param name="NotProtected">In its first sync, during a move, or failed over: no promise holds then.</param>
/// <param name="Unknown">Nobody looked: the controller did not run, or the agent did not answer.</param>
/// <param name="DrillsPassed">Test failovers that ended well in that month.</param>
/// <param name="DrillsFailed">And those that did not; cancelled ones are neither.</param>
public sealed record ServiceLevel(string Group, string Tenant, string Month, double? Attainment, TimeSpan RpoTarget,
    TimeSpan Met, TimeSpan Missed, TimeSpan Suspended, TimeSpan NotProtected, TimeSpan Unknown, int DrillsPassed,
    int DrillsFailed);
