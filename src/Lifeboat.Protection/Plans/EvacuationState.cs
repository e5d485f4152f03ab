// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.Plans;

/// <summary>The closed states of an evacuation. Numbers are stored and never change.</summary>
public enum EvacuationState
{
    Running = 1,
    /// <summary>Somebody paused it: runs under way go on, no new one begins.</summary>
    Paused = 2,
    /// <summary>A wave has ended, and the next one waits for somebody's `continue`.</summary>
    Holding = 3,
    /// <summary>Somebody cancelled it: runs under way end, no new one begins.</summary>
    Cancelling = 4,
    /// <summary>Every group runs at the site that it was to be moved to.</summary>
    Succeeded = 5,
    /// <summary>All waves were gone through; some groups were moved, some were not.</summary>
    SucceededWithFailures = 6,
    /// <summary>No group was moved, or a failure left the later waves undone.</summary>
    Failed = 7,
    /// <summary>Somebody ended it before all groups had their turn.</summary>
    Cancelled = 8,
}

/// <summary>What has become of one group of an evacuation. Numbers are stored and never change.</summary>
public enum EvacueeState
{
    /// <summary>Its turn has not come.</summary>
    Waiting = 1,
    /// <summary>Its run is asked for.</summary>
    Starting = 2,
    /// <summary>Its run waits for a second person.</summary>
    WaitingApproval = 3,
    Running = 4,
    /// <summary>Its instances run at the site that it was to be moved to.</summary>
    Moved = 5,
    Failed = 6,
    /// <summary>Its turn never came: the evacuation was cancelled, or stopped at a failure.</summary>
    Skipped = 7,
}
