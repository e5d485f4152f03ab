// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.Plans;

/// <summary>What becomes of a group whose two sides both wrote. Numbers are stored and never change.</summary>
public enum ForkChoice
{
    /// <summary>The site that was primary before the fork goes on; the other one's state is kept as a point.</summary>
    KeepPrimary = 1,
    /// <summary>The site that took over goes on; the other one's state is kept as a point.</summary>
    KeepRecovery = 2,
    /// <summary>The side that wrote last goes on, by the clock of each.</summary>
    Newest = 3,
    /// <summary>As keep-recovery, and the other one's state is exported as volumes beside.</summary>
    BothAsVolumes = 4,
    /// <summary>Nothing happens; that somebody knows is written down. Any other choice is still possible.</summary>
    Manual = 5,
}
