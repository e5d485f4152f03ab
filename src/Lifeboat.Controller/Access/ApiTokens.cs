// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Access;

/// <summary>
/// The site's own tokens: `lifeboat-token-1.ID.SECRET`, the secret 256 random bits in base64url. What a token may do is
/// looked up at each use, so that a right that was taken is gone at once.
/// </summary>
internal sealed partial class ApiTokens(ApiTokenStore store, UserStore users, TryLimit limit, TimeProvider time,
    ILogger<ApiTokens> logger) : ITokenReader, IDisposable
{
    private const string Prefix = "lifeboat-token-1.";
    private const int LabelMax = 100;
    private static readonly TimeSpan Least = TimeSpan.FromMinutes(1), Most = TimeSpan.FromDays(366);
    private static readonly TimeSpan Usual = TimeSpan.FromHours(12), UseNoted = TimeSpan.FromMinutes(1);
    // Hashing is slow on purpose: strangers must not take all processors with it.
    private readonly SemaphoreSlim _hashing = new(1, 1);

    /// <summary>Whether it looks like one; a good one or not.</summary>
    public static bool IsOne(string token) => token.StartsWith(Prefix, StringComparison.Ordinal);

    public Task<Identity?> ReadAsync(string token, string address, CancellationToken ct) =>
        Task.FromResult(Read(token, address));

    /// <summary>A token of a user; the text is in the answer and nowhere else.</summary>
    /// <exception cref="ProblemException">InvalidRequest with all faults.</exception>
    public ApiTokenMade Make(StoredUser user, CreateApiTokenRequest request, string createdBy)
    {
        var life = request.For ?? Usual;
        var faults = new List<string>();
        if (life < Least || life > Most) faults.Add($"for is {life}; allowed is 1 min to {Most.TotalDays:0} days");
        if (request.Label is { Length: > LabelMax }) faults.Add($"label has at most {LabelMax} characters");
        if (request.Rights is { Count: 0 }) faults.Add("rights is empty: such a token could do nothing");
        foreach (var right in (request.Rights ?? []).Where(r => !Enum.IsDefined(r))) faults.Add($"no right {right}");
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, "the token cannot be made so", null, faults);
        var secret = RandomNumberGenerator.GetBytes(32);
        var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        var now = time.GetUtcNow();
        var token = new StoredToken(id, user.Tenant, user.Name, HashOf(secret), request.Label, request.Rights, now,
            createdBy, now + life);
        store.Add(token);
        return new ApiTokenMade($"{Prefix}{id}.{Base64Url.EncodeToString(secret)}", token.Info());
    }

    /// <summary>The user with that password.</summary>
    /// <exception cref="ProblemException">NotAuthenticated; TooManyTries.</exception>
    public async Task<StoredUser> SignInAsync(string tenant, string name, string password, string address,
        CancellationToken ct)
    {
        // What is no name is nobody's, and neither kept nor logged: it may be as long as a body.
        var isName = EntityName.IsValid(name) && (tenant.Length == 0 || EntityName.IsValid(tenant));
        var who = !isName ? "-" : tenant.Length == 0 ? name : $"{tenant}/{name}";
        await _hashing.WaitAsync(ct);
        try
        {
            // Inside: many tries at once wait for each other, and each counts before the next one begins.
            limit.ThrowIfTooMany(who, address);
            var user = isName ? users.Find(tenant, name) : null;
            if (PasswordHash.Matches(password, user is null ? null : users.PasswordHash(user)))
            {
                limit.Succeeded(who, address);
                return user!;
            }
            limit.Failed(who, address);
        }
        finally
        {
            _hashing.Release();
        }
        LogSignInRefused(who, address);
        throw new ProblemException(ReasonCode.NotAuthenticated, "there is no such user with that password",
            "A user of a tenant has to name it.");
    }

    public void Dispose() => _hashing.Dispose();

    private Identity? Read(string text, string address)
    {
        if (!IsOne(text)
            || text[Prefix.Length..].Split('.') is not [var id, var secret] || Decode(secret) is not { } bytes
            || store.Find(id) is not { } token
            || !CryptographicOperations.FixedTimeEquals(Convert.FromHexString(HashOf(bytes)),
                Convert.FromHexString(token.Hash))) return null;
        var now = time.GetUtcNow();
        if (token.RevokedAt is { } revoked) throw Over(id, $"it was revoked at {revoked:u}", address);
        if (now >= token.ExpiresAt) throw Over(id, $"it was good until {token.ExpiresAt:u}", address);
        if (users.Find(token.Tenant, token.User) is not { } user) throw Over(id, "its user is gone", address);
        if (token.LastUsedAt is not { } last || now - last >= UseNoted || token.LastUsedFrom != address)
            store.Used(id, now, address);
        return new Identity(user.Name, user.TenantOrNull,
            token.Rights is { } only ? [.. user.Rights.Intersect(only)] : user.Rights, "token", IsLocalUser: true)
        {
            IsLimited = token.Rights is not null,
            Roles = [.. user.Roles.Select(JsonName)],
        };
    }

    private static string JsonName(Role role) => JsonNamingPolicy.KebabCaseLower.ConvertName(role.ToString());

    private ProblemException Over(string id, string why, string address)
    {
        LogTokenRefused(id, address, why);
        return new ProblemException(ReasonCode.TokenExpired, "the token is no longer good", why);
    }

    private static string HashOf(byte[] secret) => Convert.ToHexStringLower(SHA256.HashData(secret));

    private static byte[]? Decode(string text)
    {
        var bytes = new byte[32];
        return Base64Url.IsValid(text, out var length) && length == bytes.Length
            && Base64Url.TryDecodeFromChars(text, bytes, out _) ? bytes : null;
    }

    [LoggerMessage(EventIds.SignInRefused, LogLevel.Warning, "User {User} was not signed in from {Address}")]
    private partial void LogSignInRefused(string user, string address);

    [LoggerMessage(EventIds.TokenRefused, LogLevel.Warning, "Token {Token} from {Address} was refused: {Why}")]
    private partial void LogTokenRefused(string token, string address, string why);
}
