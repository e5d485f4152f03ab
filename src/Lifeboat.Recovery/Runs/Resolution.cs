// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Recovery.Runs;

/// <summary>How a divergence is to end.</summary>
/// <param name="Winner">The site whose instances stay.</param>
/// <param name="Why">What told which side is the newest; null when a person named the side.</param>
public sealed record Resolution(ForkChoice Choice, string Winner, string? Why)
{
    /// <summary>Of a choice that names its side itself; <see cref="ForkChoice.Newest"/> depends on the
    /// disks.</summary>
    public static Resolution Of(ForkChoice choice, GroupDefinition group) =>
        new(choice, choice is ForkChoice.KeepPrimary ? group.RecoverySite : group.PrimarySite, null);
}
