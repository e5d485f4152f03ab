// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Identity;
using Lifeboat.Sites.OpenStack.Mapping;

namespace Lifeboat.Sites.OpenStack.Projects;

/// <summary>A role that is given, by ids of this cloud.</summary>
internal sealed record NewGrant(GranteeKind Kind, string Grantee, string Role);

internal sealed record GrantProposal(IReadOnlyList<NewGrant> Grants, IReadOnlyList<ProjectChange> Changes,
    IReadOnlyList<string> Gaps, IReadOnlyList<string> Notes);

// Who gets which role here. Two clouds have users of one name that are not the same person, so what is proposed is
// shown by name before anything is given; and a role that rules the whole cloud is never given because it has the same
// name there: what an administrator of one cloud may is not to spread to the other.

/// <summary>Finds out, for one plan, who is meant here by who has roles there.</summary>
internal sealed class GrantPlanner(KeystoneClient keystone, RecoveryMap told)
{
    /// <summary>What somebody needs who works in a project.</summary>
    private const string Member = "member";
    private const string Admin = "admin";
    private readonly Dictionary<string, KeystoneThing?> _domains = new(StringComparer.Ordinal);
    private readonly Dictionary<(GranteeKind, string, string), KeystoneThing?> _found = [];
    private readonly List<NewGrant> _wanted = [];
    private readonly List<(NewGrant Grant, ProjectChange Change)> _changes = [];
    private readonly List<(string Who, string Text)> _gaps = [];
    private readonly List<(string Who, string Text)> _notes = [];

    /// <param name="project">Its id here; null: it is to be made.</param>
    /// <param name="login">Who works in it for this site.</param>
    public async Task<GrantProposal> PlanAsync(ProjectDescription like, string? project, CloudSettings login,
        CancellationToken ct)
    {
        var roles = (await keystone.RolesAsync(ct)).Where(r => r.DomainId is null).ToList();
        var ruling = Ruling(roles, await keystone.InferencesAsync(ct));
        IReadOnlyList<KeystoneAssignment> here = project is null ? []
            : [.. (await keystone.AssignmentsAsync(project, ct)).Where(a => a.Scope.InheritedTo is null)];
        var has = here.Select(GrantOf).OfType<NewGrant>().ToHashSet();
        foreach (var grant in like.Grants)
        {
            var role = RoleHere(grant, roles, ruling);
            var grantee = await GranteeAsync(grant, ct);
            if (role is not null && grantee is { } found) Want(grant.Kind, found.Thing, found.Shown, role, has);
        }
        await LoginAsync(login, project, roles, has, ct);
        foreach (var more in here.Where(a => GrantOf(a) is { } g && !_wanted.Contains(g)))
            _notes.Add((more.User is { } user ? Who(GranteeKind.User, user.Name ?? user.Id, user.Domain?.Name ?? "?")
                : Who(GranteeKind.Group, more.Group!.Name ?? more.Group.Id, more.Group.Domain?.Name ?? "?"),
                $"has role '{more.Role.Name}' here and not there; it stays"));
        return new GrantProposal([.. _changes.Select(c => c.Grant)], [.. _changes.Select(c => c.Change)],
            SiteFit.Said(_gaps), SiteFit.Said(_notes));
    }

    private KeystoneThing? RoleHere(ProjectGrant grant, List<KeystoneThing> roles, HashSet<string> ruling)
    {
        var who = Who(grant.Kind, grant.Name, grant.Domain);
        var isTold = told.Roles.TryGetValue(grant.Role, out var name);
        if (isTold && name is null)
        {
            _notes.Add((who, $"role '{grant.Role}' is left out (options.map.roles)"));
            return null;
        }
        var role = roles.FirstOrDefault(r => r.Name == (name ?? grant.Role));
        if (role is null)
            _gaps.Add((who, isTold ? $"role '{name}', which options.map.roles says for '{grant.Role}', is not here"
                : $"role '{grant.Role}' is not here: make it, say which one it is (options.map.roles), or null there "
                    + "to leave it out"));
        else if (!isTold && ruling.Contains(role.Id))
        {
            _gaps.Add((who, $"role '{grant.Role}' rules more than a project, so it is not given unasked: say "
                + $"what it is here (options.map.roles: \"{grant.Role}\": \"{Member}\", \"{grant.Role}\", or null to "
                + "leave it out)"));
            return null;
        }
        return role;
    }

    private async Task<(KeystoneThing Thing, string Shown)?> GranteeAsync(ProjectGrant grant, CancellationToken ct)
    {
        var (map, option) = grant.Kind is GranteeKind.User ? (told.Users, "users") : (told.Groups, "groups");
        var (who, word) = (Who(grant.Kind, grant.Name, grant.Domain), Word(grant.Kind));
        var isTold = map.TryGetValue($"{grant.Domain}/{grant.Name}", out var said)
            || map.TryGetValue(grant.Name, out said);
        if (isTold && said is null)
        {
            _notes.Add((who, $"is left out (options.map.{option})"));
            return null;
        }
        var domain = told.Domains.GetValueOrDefault(grant.Domain, grant.Domain);
        var name = said ?? grant.Name;
        if (said?.IndexOf('/') is > 0 and var slash) (domain, name) = (said[..slash], said[(slash + 1)..]);
        if (await DomainAsync(domain, ct) is not { } there)
        {
            _gaps.Add((who, $"domain '{domain}' is not here: say which one it is (options.map.domains)"));
            return null;
        }
        if (!_found.TryGetValue((grant.Kind, name, there.Id), out var found))
            _found[(grant.Kind, name, there.Id)] = found = await keystone.FindAsync(grant.Kind, name, there.Id, ct);
        if (found is null)
            _gaps.Add((who, isTold ? $"there is no {word} '{name}' in domain '{domain}' here, which "
                + $"options.map.{option} says"
                : $"there is no {word} of that name in domain '{domain}' here: make it, say which one it is "
                + $"(options.map.{option}), or null there to leave it out"));
        var shown = Who(grant.Kind, name, domain);
        if (found is null) return null;
        return (found, shown == who ? shown : $"{shown} (there: {grant.Name} of {grant.Domain})");
    }

    // Whoever it is: without a role in the project this site could do nothing there.
    private async Task LoginAsync(CloudSettings login, string? project, List<KeystoneThing> roles,
        HashSet<NewGrant> has, CancellationToken ct)
    {
        if (login.Auth is not CloudAuth.Password || login.User is not { } user) return;
        var written = user.Name ?? user.Id!;
        var found = user.Id is { } id ? await keystone.FindUserAsync(id, ct)
            : await DomainAsync(user.Domain!, ct) is { } domain
                ? await keystone.FindAsync(GranteeKind.User, user.Name!, domain.Id, ct) : null;
        var role = roles.FirstOrDefault(r => r.Name == Member);
        if (found is null)
            _gaps.Add(($"user {written}", $"as whom this site works (options.cloud '{login.Name}'), is not here: "
                + "make it, with the password of clouds.yaml"));
        else if (role is null)
            _gaps.Add(($"user {written}", $"as whom this site works, needs role '{Member}', which is not here"));
        else if (project is null || !await keystone.HasRoleAsync(found.Id, role.Id, project, ct))
            Want(GranteeKind.User, found, $"user {found.Name}, as whom this site works (options.cloud '{login.Name}')",
                role, has);
        else _wanted.Add(new NewGrant(GranteeKind.User, found.Id, role.Id));
    }

    private void Want(GranteeKind kind, KeystoneThing grantee, string shown, KeystoneThing role, HashSet<NewGrant> has)
    {
        var grant = new NewGrant(kind, grantee.Id, role.Id);
        if (_wanted.Contains(grant)) return;
        _wanted.Add(grant);
        if (!has.Contains(grant))
            _changes.Add((grant, new ProjectChange(ProjectChangeKind.Role, shown, null, role.Name)));
    }

    private async Task<KeystoneThing?> DomainAsync(string name, CancellationToken ct)
    {
        if (!_domains.TryGetValue(name, out var domain))
            _domains[name] = domain = await keystone.FindDomainByNameAsync(name, ct);
        return domain;
    }

    private async Task<KeystoneThing?> DomainAsync(CloudDomain domain, CancellationToken ct) =>
        domain.Id is { } id ? await keystone.FindDomainAsync(id, ct) : await DomainAsync(domain.Name!, ct);

    private static NewGrant? GrantOf(KeystoneAssignment assignment) => assignment.User is { } user
        ? new NewGrant(GranteeKind.User, user.Id, assignment.Role.Id)
        : assignment.Group is { } group ? new NewGrant(GranteeKind.Group, group.Id, assignment.Role.Id) : null;

    // `admin` in one project is an administrator of the cloud; so is whoever has a role that brings it along.
    private static HashSet<string> Ruling(List<KeystoneThing> roles, IReadOnlyList<KeystoneInference> inferences)
    {
        var ruling = roles.Where(r => r.Name == Admin).Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
        for (var before = -1; before != ruling.Count;)
        {
            before = ruling.Count;
            ruling.UnionWith(inferences.Where(i => i.Implies.Any(r => ruling.Contains(r.Id)))
                .Select(i => i.PriorRole.Id));
        }
        return ruling;
    }

    private static string Who(GranteeKind kind, string name, string domain) => $"{Word(kind)} {name} of {domain}";

    private static string Word(GranteeKind kind) => kind switch
    {
        GranteeKind.User => "user",
        GranteeKind.Group => "group",
    };
}
