// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Access;

/// <summary>
/// Users of the site and of its tenants. Nobody gives a right that they do not have, nor gets one through a user who
/// has
/// more.
/// </summary>
internal sealed class Users(UserStore store, ApiTokenStore tokens, TimeProvider time)
{
    /// <summary>A user whom the caller may see: of the request's tenant, else of the site.</summary>
    /// <exception cref="ProblemException">UserUnknown.</exception>
    public StoredUser Require(string name, Caller caller) =>
        store.Find(caller.Tenant ?? "", name) ?? throw Unknown(name, caller);

    public IReadOnlyList<UserInfo> All(Caller caller) =>
        [.. store.All(caller.Tenant).Select(u => u.User.Info(u.HasPassword))];

    public UserInfo Get(string name, Caller caller) => Info(Require(name, caller));

    /// <exception cref="ProblemException">InvalidRequest with all faults; NotAllowed, Conflict.</exception>
    public UserInfo Create(CreateUserRequest request, Caller caller)
    {
        var (roles, rights) = (request.Roles ?? [], request.Rights ?? []);
        var faults = Faults(roles, rights, caller.Tenant).ToList();
        if (!EntityName.IsValid(request.Name)) faults.Insert(0, $"name is '{request.Name}'; {EntityName.Rule}");
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, "the user cannot be made so", null, faults);
        var user = new StoredUser(caller.Tenant ?? "", request.Name, [.. roles.Distinct()], [.. rights.Distinct()], [],
            time.GetUtcNow());
        ThrowIfMore(user.Rights, caller);
        if (store.Find(user.Tenant, user.Name) is null) DryRun.EndsHere();
        if (!store.TryAdd(user, request.Password is { } password ? PasswordHash.Of(password) : null))
            throw new ProblemException(ReasonCode.Conflict, $"there is a user {user.FullName} already");
        return Info(user);
    }

    /// <summary>Makes a user, or gives it exactly these roles and rights.</summary>
    /// <param name="expected">As it was when that was decided; null: it was not there.</param>
    /// <exception cref="ProblemException">NotAllowed; PreconditionFailed: it is no longer so.</exception>
    public void Put(StoredUser wanted, StoredUser? expected, Caller caller)
    {
        ThrowIfMore(wanted.Rights.Union(expected?.Rights ?? []), caller);
        if (expected is null && store.TryAdd(wanted, null)) return;
        var changed = new ProblemException(ReasonCode.PreconditionFailed,
            $"user {wanted.FullName} was changed by somebody else meanwhile");
        store.Change(wanted, now => expected is not null && now.Rights.SequenceEqual(expected.Rights)
            && now.Roles.SequenceEqual(expected.Roles) ? wanted : throw changed, () => changed);
    }

    public UserInfo Grant(string name, RightsRequest request, Caller caller) =>
        Info(Change(name, request, caller, user =>
        {
            var changed = user with
            {
                Roles = [.. user.Roles.Union(request.Roles ?? [])],
                Granted = [.. user.Granted.Union(request.Rights ?? [])],
                Taken = [.. user.Taken.Except(request.Rights ?? [])],
            };
            ThrowIfMore(changed.Rights.Except(user.Rights), caller);
            return changed;
        }));

    public UserInfo Revoke(string name, RightsRequest request, Caller caller) =>
        Info(Change(name, request, caller, user =>
        {
            var roles = user.Roles.Except(request.Roles ?? []).ToList();
            return user with
            {
                Roles = roles,
                Granted = [.. user.Granted.Except(request.Rights ?? [])],
                Taken = [.. user.Taken.Union(request.Rights ?? []).Intersect(roles.SelectMany(RoleRights.Of))],
            };
        }));

    /// <summary>Another password; all tokens of the user are over.</summary>
    public void SetPassword(StoredUser user, string? password, Caller caller)
    {
        ThrowIfMore(user.Rights, caller);
        SetOwnPassword(user, password);
    }

    /// <summary>The user proved to know the one before.</summary>
    public void SetOwnPassword(StoredUser user, string? password)
    {
        store.SavePassword(user, password is null ? null : PasswordHash.Of(password));
        tokens.RevokeAll(user.Tenant, user.Name, time.GetUtcNow());
    }

    public void Delete(string name, Caller caller)
    {
        var user = Require(name, caller);
        ThrowIfMore(user.Rights, caller);
        DryRun.EndsHere();
        tokens.RevokeAll(user.Tenant, user.Name, time.GetUtcNow());
        store.Remove(user.Tenant, user.Name);
    }

    /// <exception cref="ProblemException">NotAllowed: the rights are more than the caller has.</exception>
    public static void ThrowIfMore(IEnumerable<Right> rights, Caller caller)
    {
        if (rights.Except(caller.Identity.Rights).ToList() is not { Count: > 0 } more) return;
        throw new ProblemException(ReasonCode.NotAllowed,
            $"{caller.Name} cannot give what it does not have: {string.Join(", ", more).ToLowerInvariant()}");
    }

    // What the caller may do is asked of the user as it is when it is written.
    private StoredUser Change(string name, RightsRequest request, Caller caller, Func<StoredUser, StoredUser> change)
    {
        var user = Require(name, caller);
        var (roles, rights) = (request.Roles ?? [], request.Rights ?? []);
        var faults = Faults(roles, rights, user.TenantOrNull).ToList();
        if (roles.Count + rights.Count == 0) faults.Add("neither roles nor rights are named");
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, $"user {name} cannot be changed so", null, faults);
        return store.Change(user, now =>
        {
            ThrowIfMore(now.Rights, caller);
            var next = change(now);
            DryRun.EndsHere();
            return next;
        }, () => Unknown(name, caller));
    }

    private static ProblemException Unknown(string name, Caller caller) => new(ReasonCode.UserUnknown,
        caller.Tenant is { } tenant ? $"tenant {tenant} has no user {name}" : $"the site has no user {name}",
        caller is { Tenant: null } ? "A tenant's user is asked for with the tenant." : null);

    private static IEnumerable<string> Faults(IReadOnlyList<Role> roles, IReadOnlyList<Right> rights, string? tenant)
    {
        foreach (var role in roles.Where(r => !Enum.IsDefined(r))) yield return $"there is no role {role}";
        foreach (var right in rights.Where(r => !Enum.IsDefined(r))) yield return $"there is no right {right}";
        if (tenant is null) yield break;
        foreach (var role in roles.Where(RoleRights.IsOfSite))
            yield return $"role {role} is of the site, not of tenant {tenant}".ToLowerInvariant();
        if (rights.Contains(Right.Operate)) yield return $"the right operate is of the site, not of tenant {tenant}";
    }

    private UserInfo Info(StoredUser user) => user.Info(store.HasPassword(user));
}
