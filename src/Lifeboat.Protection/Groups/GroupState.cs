// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.Groups;

/// <summary>The closed states of a protection group. Numbers are stored and never change.</summary>
public enum GroupState
{
    Initializing = 1,
    Protected = 2,
    Degraded = 3,
    Suspended = 4,
    Resyncing = 5,
    FailingOver = 6,
    FailedOver = 7,
    Reprotecting = 8,
    Diverged = 9,
    Error = 10,
}
