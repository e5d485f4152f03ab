// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    /// <summary>Descriptions of other sites' projects that are kept here, all versions.</summary>
    public Task<IReadOnlyList<KeptProject>> ProjectsAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<KeptProject>>(HttpMethod.Get, "v1/projects", null, ct);

    /// <param name="version">Null: the newest one.</param>
    /// <exception cref="ProblemException">ProjectUnknown.</exception>
    public Task<KeptProject> ProjectAsync(string site, long? version, CancellationToken ct) =>
        AskAsync<KeptProject>(HttpMethod.Get, $"v1/projects/{Escape(site)}"
            + (version is null ? "" : $"?version={version}"), null, ct);

    /// <summary>Has the project described anew at its site.</summary>
    public Task<KeptProject> RefreshProjectAsync(string site, CancellationToken ct) =>
        AskAsync<KeptProject>(HttpMethod.Post, $"v1/projects/{Escape(site)}/refresh", null, ct);

    /// <summary>What would be made here, and every gap; changes nothing.</summary>
    public Task<ProjectPlan> PlanProjectAsync(string site, ProjectRequest request, CancellationToken ct) =>
        AskAsync<ProjectPlan>(HttpMethod.Post, $"v1/projects/{Escape(site)}/plan", request, ct);

    /// <exception cref="ProblemException">PlanGaps, with all of them.</exception>
    public Task<PreparedProject> PrepareProjectAsync(string site, ProjectRequest request, CancellationToken ct) =>
        AskAsync<PreparedProject>(HttpMethod.Post, $"v1/projects/{Escape(site)}/prepare", request, ct);

    /// <summary>Removes the project that was made here.</summary>
    /// <exception cref="ProblemException">WrongState: it is in use, not empty, or was not made by
    /// Lifeboat.</exception>
    public Task<ProjectRemains> RemoveProjectAsync(string site, CancellationToken ct) =>
        AskAsync<ProjectRemains>(HttpMethod.Post, $"v1/projects/{Escape(site)}/remove", null, ct);
}
