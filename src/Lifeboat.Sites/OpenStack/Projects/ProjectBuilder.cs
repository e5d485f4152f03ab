// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Identity;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Projects;

// begun (said in its description) -> roles -> quotas -> whole. Each step is safe to repeat, and what was cut short is
// planned again from what is there. Nobody's role is taken and no quota lowered: a draft has neither.

/// <summary>Carries a draft out.</summary>
internal sealed partial class ProjectBuilder(CloudSession admin, TimeProvider time, ILogger<ProjectBuilder> logger)
{
    private readonly KeystoneClient _keystone = new(admin);

    public async Task MakeAsync(ProjectDraft draft, CancellationToken ct)
    {
        if (draft.New is not { } wanted) return;
        var project = draft.Target.Found ?? await MakeOnce.RunAsync<KeystoneProject>(
            async token => await _keystone.FindProjectAsync(wanted.Name, wanted.DomainId, token) is { } found
                ? [found] : [],
            token => _keystone.CreateProjectAsync(
                wanted with { Description = Made.Begin(wanted.Description) }, token),
            // Keystone lets two of one name not be.
            (_, _) => Task.CompletedTask, time, ct);
        if (draft.Target.Found is null && !Made.IsOurs(project.Description))
            throw new CloudException(CloudFault.Conflict,
                $"project '{project.Name}' was made by somebody else just now: look at the plan again");
        foreach (var grant in draft.Grants)
            await _keystone.GrantAsync(project.Id, grant.Kind, grant.Grantee, grant.Role, ct);
        var quotas = new ProjectQuotas(admin);
        foreach (var service in draft.Quotas.GroupBy(q => q.Area))
            await quotas.SetAsync(service.Key, project.Id, service.ToDictionary(q => q.Resource, q => q.Limit), ct);
        if (Made.IsBegun(project.Description))
            await _keystone.DescribeProjectAsync(project.Id, Made.Finish(Made.Note(project.Description)), ct);
        LogPrepared(project.Name, project.Id, draft.Grants.Count, draft.Quotas.Count);
    }

    [LoggerMessage(EventIds.ProjectPrepared, LogLevel.Information,
        "Project {Project} ({Id}) was prepared: {Roles} role(s) given, {Quotas} quota(s) raised")]
    private partial void LogPrepared(string project, string id, int roles, int quotas);
}
