// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.Policies;

/// <summary>When moments of a group are taken whose writes are not captured. Numbers are stored and never change.
/// </summary>
public enum MomentTrigger
{
    /// <summary>Once a period.</summary>
    Periodic = 1,
    /// <summary>When a point is asked for, by somebody who knows the disks to be consistent; and the first one at once.
    /// </summary>
    OnRequest = 2,
    /// <summary>As on request, and each time that all instances of the group are shut down.</summary>
    OnShutdown = 3,
}
