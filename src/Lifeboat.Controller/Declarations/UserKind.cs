// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Declarations;

internal sealed record DeclaredUser(string? Tenant, string Name, IReadOnlyList<Role> Roles,
    IReadOnlyList<Right> Granted, IReadOnlyList<Right> Taken, FieldReader Fields)
    : Declaration("User", Tenant, Name, Fields);

/// <summary>Users and what they may do. Passwords and tokens are secrets, and in no document.</summary>
internal sealed class UserKind(UserStore store, Users users, TimeProvider time) : IDeclaredKind
{
    public string Kind => "User";
    public string NameField => "name";
    public string? UsualTenant => null;
    public bool IsOfSite => false;

    public Declaration Read(string? tenant, string name, FieldReader fields)
    {
        var user = new DeclaredUser(tenant, name, fields.Choices<Role>("roles"), fields.Choices<Right>("rights"),
            fields.Choices<Right>("withoutRights"), fields);
        foreach (var right in user.Taken.Except(user.Roles.SelectMany(RoleRights.Of)))
            fields.Fault("withoutRights", $"none of the roles gives the right {FieldReader.Kebab(right)}");
        if (tenant is null) return user;
        foreach (var role in user.Roles.Where(RoleRights.IsOfSite))
            fields.Fault("roles", $"the role {FieldReader.Kebab(role)} is of the site, not of tenant {tenant}");
        if (user.Granted.Contains(Right.Operate))
            fields.Fault("rights", $"the right operate is of the site, not of tenant {tenant}");
        return user;
    }

    public Task PlanAsync(DeclarationWork work, CancellationToken ct)
    {
        var declared = work.Of<DeclaredUser>().ToList();
        if (declared.Count == 0) return Task.CompletedTask;
        if (!work.Caller.Has(Right.Administer))
        {
            // Who may not see users is not told which there are.
            foreach (var user in declared) work.Require(user, Right.Administer);
            return Task.CompletedTask;
        }
        var there = store.All(work.Caller.Tenant).Select(u => u.User).ToDictionary(u => (u.TenantOrNull, u.Name));
        foreach (var wanted in declared) Plan(wanted, there.GetValueOrDefault((wanted.Tenant, wanted.Name)), work);
        foreach (var user in there.Values.Where(u => work.Prunes(Kind, u.TenantOrNull)
            && !work.Declares(Kind, u.TenantOrNull, u.Name) && !IsCaller(u, work.Caller)))
            work.LateRemovals.Add(DeclarationWork.Removal(Kind, user.TenantOrNull, user.Name,
                $"/v1/users/{user.Name}", _ =>
                {
                    users.Delete(user.Name, work.Caller with { Tenant = user.TenantOrNull });
                    return Task.CompletedTask;
                }));
        return Task.CompletedTask;
    }

    public IEnumerable<ExportedDocument> Export(DeclarationWork work) => !work.Caller.Has(Right.Administer) ? [] :
        from user in store.All(work.Caller.Tenant).Select(u => u.User)
        select new ExportedDocument(Kind,
        [
            ("name", user.Name), ("tenant", user.TenantOrNull), ("roles", Names(user.Roles)),
            ("rights", Names(user.Granted)), ("withoutRights", Names(user.Taken)),
        ]);

    private void Plan(DeclaredUser wanted, StoredUser? now, DeclarationWork work)
    {
        var fields = FieldChanges.Between(now is null ? [] : Shown(now.Roles, now.Granted, now.Taken),
            Shown(wanted.Roles, wanted.Granted, wanted.Taken));
        if (now is not null && fields.Count == 0)
        {
            work.Unchanged++;
            return;
        }
        var given = RoleRights.Effective(wanted.Roles, wanted.Granted, wanted.Taken).Union(now?.Rights ?? [])
            .Except(work.Caller.Identity.Rights).Select(FieldReader.Kebab).ToList();
        // A role that is the site's is a fault of its own.
        if (given.Count > 0 && (wanted.Tenant is null || !wanted.Roles.Any(RoleRights.IsOfSite)))
            wanted.Fields.Fault("", $"User {wanted.Name}: {work.Caller.Name} cannot give what it does not have: "
                + string.Join(", ", given), ReasonCode.NotAllowed);
        var user = new StoredUser(wanted.Tenant ?? "", wanted.Name, wanted.Roles, wanted.Granted, wanted.Taken,
            now?.CreatedAt ?? time.GetUtcNow());
        work.Change(wanted, now is null ? ChangeAction.Create : ChangeAction.Change, fields,
            $"/v1/users/{wanted.Name}", _ =>
            {
                users.Put(user, now, work.Caller);
                return Task.CompletedTask;
            });
    }

    // Nobody locks themselves out by a file that does not have them.
    private static bool IsCaller(StoredUser user, Caller caller) => caller.Identity.IsLocalUser
        && caller.Identity.Name == user.Name && caller.Identity.Tenant == user.TenantOrNull;

    private static IEnumerable<(string Field, string? Text)> Shown(IEnumerable<Role> roles, IEnumerable<Right> rights,
        IEnumerable<Right> without) =>
    [
        ("roles", FieldChanges.List(Names(roles))), ("rights", FieldChanges.List(Names(rights))),
        ("withoutRights", FieldChanges.List(Names(without))),
    ];

    private static List<string> Names<T>(IEnumerable<T> values) where T : struct, Enum =>
        [.. values.Order().Select(FieldReader.Kebab)];
}
