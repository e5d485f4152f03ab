// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Identity;
using Lifeboat.Sites.OpenStack.Mapping;

namespace Lifeboat.Sites.OpenStack.Projects;

/// <summary>A plan with the ids that it is carried out by.</summary>
internal sealed record ProjectDraft(ProjectPlan Plan, ProjectTarget Target, NewProject? New,
    IReadOnlyList<NewGrant> Grants, IReadOnlyList<ProjectQuota> Quotas);

/// <summary>What is recovered into a project: what it asks of quotas there, and what it lacks otherwise.</summary>
internal sealed record ServerNeeds(QuotaNeeds Quotas, IReadOnlyList<string> Notes, Func<string, string> TypeHere);

/// <summary>Says what a described project becomes at this cloud.</summary>
/// <param name="admin">Who may make projects.</param>
/// <param name="member">The site's own session, which may not work yet.</param>
/// <param name="login">Of that session.</param>
internal sealed class ProjectPlanner(CloudSession admin, CloudSession member, CloudSettings login,
    OpenStackSiteOptions options, Func<KeystoneProject?, CancellationToken, Task<ServerNeeds>> needsOf)
{
    private readonly KeystoneClient _keystone = new(admin);

    public async Task<ProjectDraft> DraftAsync(ProjectDescription like, CancellationToken ct)
    {
        if (like.Format > ProjectDescription.CurrentFormat)
            throw new SiteException(SiteFault.Refused, $"project '{like.Name}' is described in format {like.Format}; "
                + $"this site knows {ProjectDescription.CurrentFormat}: upgrade it");
        var target = await ProjectTarget.FindAsync(_keystone, member, login, ct);
        var state = StateOf(target.Found);
        var grants = await new GrantPlanner(_keystone, options.Map).PlanAsync(like, target.Found?.Id, login, ct);
        var needs = await needsOf(target.Found, ct);
        var quotas = QuotaProposals.Of(like.Quotas, needs.Quotas, await QuotasHereAsync(target.Found?.Id, ct),
            options.Map, needs.TypeHere);
        List<string> gaps = [.. grants.Gaps, .. quotas.Gaps];
        if (target.Gap is not null) gaps.Insert(0, target.Gap);
        if (target.Found is { Enabled: false })
            gaps.Add($"project '{target.Name}' is disabled here: enable it (openstack project set --enable)");
        var project = state switch
        {
            ProjectState.Missing => $"made{Said(like)}",
            ProjectState.Begun => "whole",
            ProjectState.Made or ProjectState.Foreign => null,
        };
        ProjectChange[] itself = project is null || target.Domain is null ? [] : [new ProjectChange(
            ProjectChangeKind.Project, $"project {target.Name} of {target.DomainName}",
            state is ProjectState.Begun ? "begun" : null, project)];
        var plan = new ProjectPlan(target.Name, target.DomainName, state,
            [.. itself, .. grants.Changes, .. quotas.Changes], gaps,
            [.. Notes(like, state), .. grants.Notes, .. quotas.Notes, .. needs.Notes], ToDo(target));
        return new ProjectDraft(plan, target, target.Domain is not { } domain ? null
            : new NewProject(target.Name, domain.Id, like.Description, like.Tags), grants.Grants, quotas.Raises);
    }

    public static ProjectState StateOf(KeystoneProject? found) => found is null ? ProjectState.Missing
        : Made.IsBegun(found.Description) ? ProjectState.Begun
        : Made.IsOurs(found.Description) ? ProjectState.Made : ProjectState.Foreign;

    private async Task<Dictionary<QuotaArea, IReadOnlyDictionary<string, CloudQuota>>> QuotasHereAsync(
        string? project, CancellationToken ct)
    {
        var quotas = new ProjectQuotas(admin);
        var here = new Dictionary<QuotaArea, IReadOnlyDictionary<string, CloudQuota>>();
        foreach (var service in Enum.GetValues<QuotaArea>())
            here[service] = await quotas.ReadAsync(service, project, ct);
        return here;
    }

    private static string Said(ProjectDescription like) =>
        (like.Description.Length > 0 ? $", described as '{like.Description}'" : "")
        + (like.Tags.Count > 0 ? $", with tags {string.Join(", ", like.Tags)}" : "");

    private static IEnumerable<string> Notes(ProjectDescription like, ProjectState state)
    {
        foreach (var untold in like.Untold) yield return $"not told by the other cloud: {untold}";
        if (!like.Enabled) yield return $"project '{like.Name}' is disabled there; here it has to be enabled";
        if (state is ProjectState.Foreign)
            yield return "the project was not made by Lifeboat: it is only extended, and only when that is asked for "
                + "(--extend)";
    }

    // An application credential is made by its user, and cannot be given to anybody.
    private IEnumerable<string> ToDoLines(ProjectTarget target)
    {
        if (login.Auth is CloudAuth.Password && login.User is { } user)
            yield return $"put an application credential into clouds.{login.Name} in place of the password: only its "
                + $"user ({user.Name ?? user.Id}) can make it (openstack --os-cloud {login.Name} application "
                + "credential create lifeboat --role member)";
        if (options.BackupCloud is { } keeper)
            yield return $"give the user of options.backupCloud '{keeper}' its role in project '{target.Name}' "
                + "(openstack role add --project … --user … admin)";
        yield return "users of the project make their own application credentials and clouds.yaml here: those of the "
            + "other cloud do not hold";
    }

    private IReadOnlyList<string> ToDo(ProjectTarget target) => [.. ToDoLines(target)];
}
