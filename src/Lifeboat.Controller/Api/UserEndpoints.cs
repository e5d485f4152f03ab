// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/users`, `/v1/tokens`, `/v1/caller`: who may ask, and with what.</summary>
internal sealed class UserEndpoints(Users users, ApiTokens tokens, ApiTokenStore store, TimeProvider time)
{
    private const string One = "/v1/users/{user}";

    public void Map(IEndpointRouteBuilder routes)
    {
        MapUsers(routes);
        routes.MapGet("/v1/caller", (HttpContext http) => Describe(Caller.Of(http)))
            .Needs([.. RoleRights.All]);
        // Open: a password is a token's equal here, and is looked at by the handler.
        routes.MapPost("/v1/tokens", async (HttpContext http, CreateApiTokenRequest request, CancellationToken ct) =>
            await MakeAsync(http, request, ct)).IsOpenToAll();
        routes.MapGet("/v1/tokens", (HttpContext http, string? user) => List(Caller.Of(http), user))
            .Needs([.. RoleRights.All]);
        routes.MapDelete("/v1/tokens/{token}", (HttpContext http, string token) =>
        {
            var found = Visible(Caller.Of(http)).FirstOrDefault(t => t.Id == token)
                ?? throw new ProblemException(ReasonCode.TokenUnknown, $"there is no token {token}");
            store.Revoke(found.Id, time.GetUtcNow());
            return Results.NoContent();
        }).Needs([.. RoleRights.All]);
    }

    private void MapUsers(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/users", (HttpContext http) => users.All(Caller.Of(http))).Needs(Right.Administer);
        routes.MapGet(One, (HttpContext http, string user) => users.Get(user, Caller.Of(http)))
            .Needs(Right.Administer);
        routes.MapPost("/v1/users", (HttpContext http, CreateUserRequest request) =>
        {
            var made = users.Create(request, Caller.Of(http));
            return Results.Created($"/v1/users/{made.Name}", made);
        }).Needs(Right.Administer);
        routes.MapPost(One + "/grant", (HttpContext http, string user, RightsRequest request) =>
            users.Grant(user, request, Caller.Of(http))).Needs(Right.Administer);
        routes.MapPost(One + "/revoke", (HttpContext http, string user, RightsRequest request) =>
            users.Revoke(user, request, Caller.Of(http))).Needs(Right.Administer);
        routes.MapPut(One + "/password", SetPasswordAsync).Needs([.. RoleRights.All]);
        routes.MapDelete(One, (HttpContext http, string user) =>
        {
            users.Delete(user, Caller.Of(http));
            return Results.NoContent();
        }).Needs(Right.Administer);
    }

    private async Task<IResult> SetPasswordAsync(HttpContext http, string user, PasswordRequest request,
        CancellationToken ct)
    {
        var caller = Caller.Of(http);
        if (IsOwn(caller, user))
        {
            var own = await tokens.SignInAsync(caller.Identity.Tenant ?? "", user, request.Present ?? "",
                caller.Address, ct);
            if (request.Password is null)
                throw new ProblemException(ReasonCode.InvalidRequest, "nobody takes their own password away");
            users.SetOwnPassword(own, request.Password);
            return Results.NoContent();
        }
        caller.Require(Right.Administer);
        users.SetPassword(users.Require(user, caller), request.Password, caller);
        return Results.NoContent();
    }

    private async Task<IResult> MakeAsync(HttpContext http, CreateApiTokenRequest request, CancellationToken ct)
    {
        var caller = Caller.Find(http);
        var user = request.Password is { } password
            ? await tokens.SignInAsync(request.Tenant ?? "", request.User ?? "", password, Callers.AddressOf(http), ct)
            : Whose(caller, request);
        // One without a limit has what its user is given later: a token that has a limit does not make it.
        if (request.Password is null && caller is { Identity.IsLimited: true } && IsOwn(caller, user.Name))
            request = request with { Rights = request.Rights ?? caller.Identity.Rights };
        var made = tokens.Make(user, request, caller?.Name ?? user.FullName);
        AuditTrail.Note(http, $"token {made.Info.Id} of {user.FullName}, until {made.Info.ExpiresAt:u}");
        return Results.Json(made, ContractJson.Options, statusCode: StatusCodes.Status201Created);
    }

    private StoredUser Whose(Caller? caller, CreateApiTokenRequest request)
    {
        if (caller is null)
            throw new ProblemException(ReasonCode.NotAuthenticated, "who asks is not known here",
                "Give user and password, or a token: Authorization: Bearer TOKEN.");
        var name = request.User ?? (caller.Identity.IsLocalUser ? caller.Identity.Name : throw new ProblemException(
            ReasonCode.InvalidRequest, "user is missing: whose token it will be",
            $"{caller.Name} is no user of this site's own, so it has no tokens here."));
        if (IsOwn(caller, name))
        {
            // A token that has few rights must not make one that has more.
            var own = users.Require(name, caller with { Tenant = caller.Identity.Tenant });
            Users.ThrowIfMore(request.Rights ?? own.Rights, caller);
            return own;
        }
        caller.Require(Right.Administer);
        var user = users.Require(name, caller);
        Users.ThrowIfMore(user.Rights, caller);
        return user;
    }

    private static bool IsOwn(Caller caller, string user) => caller.Identity.IsLocalUser
        && caller.Identity.Name == user && caller.Tenant == caller.Identity.Tenant;

    private IEnumerable<ApiTokenInfo> List(Caller caller, string? user) =>
        Visible(caller).Where(t => user is null || t.User == user).Select(t => t.Info());

    // One's own, and for an administrator those of the tenant, or all.
    private IEnumerable<StoredToken> Visible(Caller caller) => caller.Has(Right.Administer)
        ? store.All(caller.Tenant, null)
        : caller.Identity.IsLocalUser ? store.All(caller.Identity.Tenant ?? "", caller.Identity.Name) : [];

    private static CallerInfo Describe(Caller caller) =>
        new(caller.Identity.Name, caller.Tenant, caller.Identity.Means, caller.Identity.Rights);
}
