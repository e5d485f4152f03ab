// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Http;
using static Lifeboat.Sites.OpenStack.Identity.IdentityJson;

namespace Lifeboat.Sites.OpenStack.Identity;

/// <summary>The Identity API, as far as projects are described and made.</summary>
internal sealed class KeystoneClient(CloudSession session)
{
    private static readonly CloudApi Keystone = CloudApi.Identity;

    public async Task<KeystoneProject?> FindProjectAsync(string id, CancellationToken ct) =>
        (await session.FindAsync(Keystone, $"projects/{Escape(id)}", Default.ProjectAnswer, ct))?.Project;

    /// <summary>Names are unique in a domain.</summary>
    public async Task<KeystoneProject?> FindProjectAsync(string name, string domain, CancellationToken ct) =>
        (await session.ListAsync<ProjectPage, KeystoneProject>(Keystone,
            $"projects?name={Escape(name)}&domain_id={Escape(domain)}", Default.ProjectPage, ct))
            .FirstOrDefault(p => p.Name == name);

    public Task<IReadOnlyList<KeystoneProject>> ProjectsBelowAsync(string project, CancellationToken ct) =>
        session.ListAsync<ProjectPage, KeystoneProject>(Keystone, $"projects?parent_id={Escape(project)}",
            Default.ProjectPage, ct);

    public async Task<KeystoneThing?> FindDomainAsync(string id, CancellationToken ct) =>
        (await session.FindAsync(Keystone, $"domains/{Escape(id)}", Default.DomainAnswer, ct))?.Domain;

    public async Task<KeystoneThing?> FindDomainByNameAsync(string name, CancellationToken ct) =>
        (await session.ListAsync<DomainPage, KeystoneThing>(Keystone, $"domains?name={Escape(name)}",
            Default.DomainPage, ct)).FirstOrDefault(d => d.Name == name);

    public async Task<KeystoneThing?> FindUserAsync(string id, CancellationToken ct) =>
        (await session.FindAsync(Keystone, $"users/{Escape(id)}", Default.UserAnswer, ct))?.User;

    /// <param name="domain">Its id.</param>
    public async Task<KeystoneThing?> FindAsync(GranteeKind kind, string name, string domain, CancellationToken ct)
    {
        var query = $"?name={Escape(name)}&domain_id={Escape(domain)}";
        var found = kind switch
        {
            GranteeKind.User => await session.ListAsync<UserPage, KeystoneThing>(Keystone, "users" + query,
                Default.UserPage, ct),
            GranteeKind.Group => await session.ListAsync<GroupPage, KeystoneThing>(Keystone, "groups" + query,
                Default.GroupPage, ct),
        };
        return found.FirstOrDefault(f => f.Name == name);
    }

    /// <summary>Those of all domains; a domain's own roles cannot be had in its projects.</summary>
    public Task<IReadOnlyList<KeystoneThing>> RolesAsync(CancellationToken ct) =>
        session.ListAsync<RolePage, KeystoneThing>(Keystone, "roles", Default.RolePage, ct);

    /// <summary>Which roles bring which other ones along.</summary>
    public async Task<IReadOnlyList<KeystoneInference>> InferencesAsync(CancellationToken ct) =>
        (await session.GetAsync(Keystone, "role_inferences", Default.InferenceAnswer, ct)).RoleInferences;

    public Task<IReadOnlyList<KeystoneAssignment>> AssignmentsAsync(string project, CancellationToken ct) =>
        session.ListAsync<AssignmentPage, KeystoneAssignment>(Keystone,
            $"role_assignments?scope.project.id={Escape(project)}&include_names=true", Default.AssignmentPage, ct);

    /// <summary>Also by groups, domains and other roles.</summary>
    public async Task<bool> HasRoleAsync(string user, string role, string project, CancellationToken ct) =>
        (await session.ListAsync<AssignmentPage, KeystoneAssignment>(Keystone, $"role_assignments?effective=true"
            + $"&user.id={Escape(user)}&role.id={Escape(role)}&scope.project.id={Escape(project)}"
            + "&include_names=true", Default.AssignmentPage, ct)).Count > 0;

    /// <summary>One attempt to make a project; whoever calls looks for it before (<see cref="MakeOnce"/>).</summary>
    public async Task<KeystoneProject> CreateProjectAsync(NewProject project, CancellationToken ct) =>
        (await session.PostAsync(Keystone, "projects", new NewProjectRequest(project), Default.NewProjectRequest,
            Default.ProjectAnswer, ct)).Project;

    public Task DescribeProjectAsync(string project, string description, CancellationToken ct) =>
        session.ChangeAsync(Keystone, HttpMethod.Patch, $"projects/{Escape(project)}",
            new ProjectNoteRequest(new ProjectNote(description)), Default.ProjectNoteRequest, ct);

    public Task DeleteProjectAsync(string project, CancellationToken ct) =>
        session.DeleteAsync(Keystone, $"projects/{Escape(project)}", ct);

    public Task GrantAsync(string project, GranteeKind kind, string grantee, string role, CancellationToken ct)
    {
        var kinds = kind switch { GranteeKind.User => "users", GranteeKind.Group => "groups" };
        return session.ChangeAsync(Keystone, HttpMethod.Put,
            $"projects/{Escape(project)}/{kinds}/{Escape(grantee)}/roles/{Escape(role)}", new EmptyRequest(),
            Default.EmptyRequest, ct);
    }

    private static string Escape(string text) => Uri.EscapeDataString(text);
}
