// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    /// <summary>Who the controller takes this client for.</summary>
    public Task<CallerInfo> CallerAsync(CancellationToken ct) =>
        AskAsync<CallerInfo>(HttpMethod.Get, "v1/caller", null, ct);

    public Task<IReadOnlyList<UserInfo>> UsersAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<UserInfo>>(HttpMethod.Get, "v1/users", null, ct);

    public Task<UserInfo> UserAsync(string user, CancellationToken ct) =>
        AskAsync<UserInfo>(HttpMethod.Get, $"v1/users/{Escape(user)}", null, ct);

    public Task<UserInfo> CreateUserAsync(CreateUserRequest request, CancellationToken ct) =>
        AskAsync<UserInfo>(HttpMethod.Post, "v1/users", request, ct);

    public Task<UserInfo> GrantAsync(string user, RightsRequest request, CancellationToken ct) =>
        AskAsync<UserInfo>(HttpMethod.Post, $"v1/users/{Escape(user)}/grant", request, ct);

    /// <summary>Takes roles and rights from a user; a right that a role gives is taken from it.</summary>
    public Task<UserInfo> RevokeAsync(string user, RightsRequest request, CancellationToken ct) =>
        AskAsync<UserInfo>(HttpMethod.Post, $"v1/users/{Escape(user)}/revoke", request, ct);

    /// <summary>Another password; all tokens of the user are over.</summary>
    public Task SetPasswordAsync(string user, PasswordRequest request, CancellationToken ct) =>
        TellAsync(HttpMethod.Put, $"v1/users/{Escape(user)}/password", request, ct);

    public Task DeleteUserAsync(string user, CancellationToken ct) =>
        TellAsync(HttpMethod.Delete, $"v1/users/{Escape(user)}", null, ct);

    /// <summary>With a password it needs no token.</summary>
    public Task<ApiTokenMade> CreateApiTokenAsync(CreateApiTokenRequest request, CancellationToken ct) =>
        AskAsync<ApiTokenMade>(HttpMethod.Post, "v1/tokens", request, ct);

    /// <param name="user">Null: of all whose tokens the caller may see.</param>
    public Task<IReadOnlyList<ApiTokenInfo>> ApiTokensAsync(string? user, CancellationToken ct) =>
        AskAsync<IReadOnlyList<ApiTokenInfo>>(HttpMethod.Get,
            user is null ? "v1/tokens" : $"v1/tokens?user={Escape(user)}", null, ct);

    public Task RevokeApiTokenAsync(string id, CancellationToken ct) =>
        TellAsync(HttpMethod.Delete, $"v1/tokens/{Escape(id)}", null, ct);

    /// <summary>By which rules the API lets whom do what.</summary>
    public Task<AccessRulesInfo> AccessRulesAsync(CancellationToken ct) =>
        AskAsync<AccessRulesInfo>(HttpMethod.Get, "v1/access/rules", null, ct);

    /// <summary>Whom the rules would let, and which decided.</summary>
    public Task<IReadOnlyList<AccessVerdict>> CheckAccessAsync(AccessCheckRequest request, CancellationToken ct) =>
        AskAsync<IReadOnlyList<AccessVerdict>>(HttpMethod.Post, "v1/access/check", request, ct);

    /// <summary>Newest first.</summary>
    /// <param name="before">Only rows with a lower number; null: from the newest.</param>
    /// <param name="limit">1 to 1000.</param>
    public Task<IReadOnlyList<AuditEvent>> AuditAsync(long? before, int limit, CancellationToken ct) =>
        AskAsync<IReadOnlyList<AuditEvent>>(HttpMethod.Get,
            FormattableString.Invariant($"v1/audit?limit={limit}{(before is { } b ? $"&before={b}" : "")}"), null, ct);

    /// <param name="head">One that was noted earlier; null: none was.</param>
    public Task<AuditVerdict> VerifyAuditAsync(string? head, CancellationToken ct) =>
        AskAsync<AuditVerdict>(HttpMethod.Get,
            head is null ? "v1/audit/verify" : $"v1/audit/verify?head={Escape(head)}", null, ct);
}
