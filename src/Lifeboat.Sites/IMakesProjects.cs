// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;

namespace Lifeboat.Sites;

/// <summary>Can describe the project that it is, and make one like that of another cloud.</summary>
public interface IMakesProjects
{
    /// <summary>As far as its login is told; what it is not told is said to be untold.</summary>
    Task<ProjectDescription> DescribeProjectAsync(CancellationToken ct);

    /// <summary>What would be made or changed here, and every gap. Changes nothing.</summary>
    /// <exception cref="SiteException">Refused: no login that may make projects is named, or it may not.</exception>
    Task<ProjectPlan> PlanProjectAsync(ProjectOrder order, CancellationToken ct);

    /// <summary>Makes what the plan says, as far as it has no gaps. Lowers nothing and takes nothing away.</summary>
    /// <exception cref="SiteException">As above; also when the project is somebody else's and is not to be
    /// extended.</exception>
    Task<PreparedProject> PrepareProjectAsync(ProjectOrder order, CancellationToken ct);

    /// <summary>What would be lost with the project of this site. Changes nothing.</summary>
    Task<ProjectRemains> ProjectRemainsAsync(CancellationToken ct);

    /// <summary>Removes it where it was made by Lifeboat and is empty. Removing what is gone succeeds.</summary>
    /// <exception cref="SiteException">Refused: something is in it, or it is somebody else's.</exception>
    Task RemoveProjectAsync(CancellationToken ct);
}

/// <param name="Like">The project at the other cloud.</param>
/// <param name="Servers">What is recovered into it: quotas must be enough for all of them together.</param>
/// <param name="Extend">One that somebody else made gets what it lacks.</param>
public sealed record ProjectOrder(ProjectDescription Like, IReadOnlyList<InstanceDescription> Servers, bool Extend);
