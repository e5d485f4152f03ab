// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Sides;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Groups;

/// <summary>
/// Suspends and resumes groups where their instances run. It is part of the definition: the other site learns of it
/// with the next exchange, and both go on with it after a restart.
/// </summary>
internal sealed class GroupSuspension(LocalSide here, TimeProvider time)
{
    /// <exception cref="ProblemException">
    /// InvalidRequest with all faults; GroupUnknown, WrongSite; WrongState: nothing is shipped that could be suspended;
    /// AgentUnreachable: it is kept, and takes effect when the agent is back.
    /// </exception>
    public async Task<GroupDefinition> SuspendAsync(string group, SuspendGroupRequest request, CancellationToken ct)
    {
        var definition = Own(group);
        return await here.SuspendAsync(group, Checked(group, request, definition.Suspension), ct);
    }

    /// <exception cref="ProblemException">InvalidRequest with all faults.</exception>
    public Suspension Checked(string group, SuspendGroupRequest request, Suspension? before)
    {
        var now = time.GetUtcNow();
        var faults = Problems(request).ToList();
        if (faults.Count > 0)
        {
            throw new ProblemException(ReasonCode.InvalidRequest,
                faults.Count == 1 ? faults[0] : $"group {group} cannot be suspended: {faults.Count} faults", null,
                faults);
        }
        var since = before is { } present && present.Holds(now) ? present.Since : now;
        return new Suspension(request.Reason.Trim(), since, now + request.For);
    }

    public async Task<GroupDefinition> ResumeAsync(string group, CancellationToken ct)
    {
        var definition = Own(group);
        return definition.Suspension is null ? definition : await here.SuspendAsync(group, null, ct);
    }

    private GroupDefinition Own(string group)
    {
        var definition = here.Require(group);
        return definition.PrimarySite == here.Name
            ? definition
            : throw new ProblemException(ReasonCode.WrongSite,
                $"group {group} is shipped from site {definition.PrimarySite}", "Ask there.");
    }

    private static IEnumerable<string> Problems(SuspendGroupRequest request)
    {
        foreach (var problem in Suspension.ReasonProblems(request.Reason)) yield return problem;
        if (request.For <= TimeSpan.Zero || request.For > Suspension.LengthMax)
            yield return $"suspension.for is {request.For}; allowed is up to {Suspension.LengthMax.TotalDays:0} days";
    }
}
