// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites;

namespace Lifeboat.Testing.Sites;

// The project of a cloud in memory: users have no domains, and all roles are known.
public sealed partial class SimulatedSite : IMakesProjects
{
    /// <summary>As it is described to others.</summary>
    public ProjectDescription Project { get; set; } = new()
    {
        Format = ProjectDescription.CurrentFormat, Name = name, Domain = "Default",
    };

    /// <summary>Made here; null: there is none.</summary>
    public ProjectDescription? Made { get; set; }
    /// <summary>It was not made by Lifeboat.</summary>
    public bool IsForeign { get; set; }
    public IReadOnlyList<string> ProjectGaps { get; set; } = [];
    public IReadOnlyList<string> ProjectHolds { get; set; } = [];

    public Task<ProjectDescription> DescribeProjectAsync(CancellationToken ct) =>
        CallAsync(nameof(DescribeProjectAsync), "", () => Project, ct);

    public Task<ProjectPlan> PlanProjectAsync(ProjectOrder order, CancellationToken ct) =>
        CallAsync(nameof(PlanProjectAsync), order.Like.Name, () => Plan(order), ct);

    public Task<PreparedProject> PrepareProjectAsync(ProjectOrder order, CancellationToken ct) =>
        CallAsync(nameof(PrepareProjectAsync), order.Like.Name, () =>
        {
            var plan = Plan(order);
            Made = (Made ?? order.Like) with { Grants = [.. (Made?.Grants ?? []).Union(order.Like.Grants)] };
            return new PreparedProject(plan.Changes, Plan(order));
        }, ct);

    public Task<ProjectRemains> ProjectRemainsAsync(CancellationToken ct) =>
        CallAsync(nameof(ProjectRemainsAsync), "", () => new ProjectRemains(Made?.Name ?? name, "Default", State,
            ProjectHolds, []), ct);

    public Task RemoveProjectAsync(CancellationToken ct) => CallAsync(nameof(RemoveProjectAsync), "", () =>
    {
        Made = null;
        return true;
    }, ct);

    private ProjectState State => Made is null ? ProjectState.Missing
        : IsForeign ? ProjectState.Foreign : ProjectState.Made;

    private ProjectPlan Plan(ProjectOrder order)
    {
        ProjectChange[] itself = Made is null
            ? [new ProjectChange(ProjectChangeKind.Project, $"project {order.Like.Name}", null, "made")] : [];
        return new ProjectPlan(order.Like.Name, "Default", State, [.. itself, .. order.Like.Grants
            .Except(Made?.Grants ?? []).Select(g => new ProjectChange(ProjectChangeKind.Role, g.Name, null, g.Role))],
            ProjectGaps, [$"for {order.Servers.Count} server(s)"], []);
    }
}
