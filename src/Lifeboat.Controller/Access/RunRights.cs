// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Controller.Access;

/// <summary>Which rights a run of a kind needs.</summary>
internal static class RunRights
{
    /// <summary>Each kind needs at least one of these.</summary>
    public static readonly Right[] Any = [Right.Drill, Right.Failover, Right.Commit];

    public static IReadOnlyList<Right> Of(RunKind kind) => kind switch
    {
        RunKind.TestFailover => [Right.Drill],
        RunKind.Failover or RunKind.PlannedFailover => [Right.Failover],
        // What the other site wrote gives way for good.
        RunKind.Reprotect or RunKind.Resolve => [Right.Commit],
        RunKind.Failback => [Right.Failover, Right.Commit],
    };
}
