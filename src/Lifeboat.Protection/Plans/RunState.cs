// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.Plans;

/// <summary>The closed states of a run. Numbers are stored and never change.</summary>
public enum RunState
{
    Pending = 1,
    Running = 2,
    WaitingApproval = 3,
    Succeeded = 4,
    SucceededWithWarnings = 5,
    Failed = 6,
    Cancelled = 7,
    RolledBack = 8,
}

/// <summary>What a run does. Failback is reprotect followed by planned failover: no third code path.</summary>
public enum RunKind
{
    TestFailover = 1,
    Failover = 2,
    PlannedFailover = 3,
    Reprotect = 4,
    Failback = 5,
    /// <summary>Ends a divergence by one of the choices.</summary>
    Resolve = 6,
}

public enum StepState
{
    Pending = 1,
    Running = 2,
    Succeeded = 3,
    Warned = 4,
    Failed = 5,
    Skipped = 6,
    Undone = 7,
}
