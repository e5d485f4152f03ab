// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Microsoft.AspNetCore.Http;

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

    /// <exception cref="ProblemException">NotAllowed; InvalidRequest.</exception>
    public static void Require(HttpContext http, RunKind kind, string group)
    {
        if (!Enum.IsDefined(kind))
            throw new ProblemException(ReasonCode.InvalidRequest, $"kind is {(int)kind}; there is no such kind of run");
        Caller.Of(http).Require(Of(kind));
        AuditTrail.Note(http, $"{RunRules.Name(kind)} of {group}");
    }
}
