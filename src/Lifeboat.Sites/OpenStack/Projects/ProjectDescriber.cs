// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Identity;

namespace Lifeboat.Sites.OpenStack.Projects;

/// <summary>
/// Describes a project: itself and its quotas as a member may, who has which role as an administrator. Two descriptions
/// of what did not change are the same.
/// </summary>
internal static class ProjectDescriber
{
    /// <param name="member">Of the project.</param>
    /// <param name="asker">Who is told what members are not; null: nobody.</param>
    public static async Task<ProjectDescription> DescribeAsync(CloudSession member, CloudSession? asker,
        CancellationToken ct)
    {
        var id = (await member.TokenAsync(ct)).ProjectId;
        var keystone = new KeystoneClient(member);
        var project = await keystone.FindProjectAsync(id, ct)
            ?? throw new CloudException(CloudFault.NotFound, $"the project of cloud '{member.Name}' ({id}) is gone");
        var untold = new List<string>();
        var domain = await keystone.FindDomainAsync(project.DomainId, ct);
        if (project.ParentId is { } parent && parent != project.DomainId)
            untold.Add("it is below another project there; projects above it are not described");
        return new ProjectDescription
        {
            Format = ProjectDescription.CurrentFormat,
            Name = project.Name,
            Domain = domain?.Name ?? project.DomainId,
            Description = Made.Note(project.Description) ?? "",
            Tags = [.. (project.Tags ?? []).Order(StringComparer.Ordinal)],
            Enabled = project.Enabled,
            Grants = await GrantsAsync(id, asker, untold, ct),
            Quotas = await QuotasAsync(id, member, asker, untold, ct),
            Untold = untold,
        };
    }

    private static async Task<IReadOnlyList<ProjectGrant>> GrantsAsync(string project, CloudSession? asker,
        List<string> untold, CancellationToken ct)
    {
        if (asker is null)
        {
            untold.Add("who has which role: told to administrators only (options.adminCloud there)");
            return [];
        }
        if (await UnlessForbiddenAsync(() => new KeystoneClient(asker).AssignmentsAsync(project, ct))
            is not { } assignments)
        {
            untold.Add($"who has which role: options.adminCloud '{asker.Name}' may not list role assignments there");
            return [];
        }
        var inherited = assignments.Count(a => a.Scope.InheritedTo is not null);
        if (inherited > 0)
            untold.Add($"{inherited.ToString(CultureInfo.InvariantCulture)} role(s) that it gives to projects "
                + "below it");
        return
        [
            .. assignments.Where(a => a.Scope.InheritedTo is null).Select(Grant).OfType<ProjectGrant>().Distinct()
                .OrderBy(g => g.Kind).ThenBy(g => g.Domain, StringComparer.Ordinal)
                .ThenBy(g => g.Name, StringComparer.Ordinal).ThenBy(g => g.Role, StringComparer.Ordinal),
        ];
    }

    // One whose user was deleted in the meantime has no name any more.
    private static ProjectGrant? Grant(KeystoneAssignment assignment)
    {
        var (kind, who) = assignment.User is { } user ? (GranteeKind.User, user)
            : (GranteeKind.Group, assignment.Group);
        return who is { Name: { Length: > 0 } name } && assignment.Role.Name is { } role
            ? new ProjectGrant(role, kind, name, who.Domain?.Name ?? who.Domain?.Id ?? "") : null;
    }

    private static async Task<IReadOnlyList<ProjectQuota>> QuotasAsync(string project, CloudSession member,
        CloudSession? asker, List<string> untold, CancellationToken ct)
    {
        var all = new List<ProjectQuota>();
        foreach (var service in Enum.GetValues<QuotaArea>())
        {
            var told = await UnlessForbiddenAsync(() => new ProjectQuotas(member).ReadAsync(service, project, ct));
            if (told is null && asker is not null)
                told = await UnlessForbiddenAsync(() => new ProjectQuotas(asker).ReadAsync(service, project, ct));
            if (told is null) untold.Add($"quotas of {QuotaProposals.Name(service)}: told to administrators only");
            else all.AddRange(told.Select(q => new ProjectQuota(service, q.Key, q.Value.Limit)));
        }
        return [.. all.OrderBy(q => q.Area).ThenBy(q => q.Resource, StringComparer.Ordinal)];
    }

    private static async Task<T?> UnlessForbiddenAsync<T>(Func<Task<T>> ask) where T : class
    {
        try
        {
            return await ask();
        }
        catch (CloudException e) when (e.Fault is CloudFault.Forbidden or CloudFault.NotFound)
        {
            return null;
        }
    }
}
