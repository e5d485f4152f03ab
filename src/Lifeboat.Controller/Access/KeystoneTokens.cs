// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.Extensions.Caching.Memory;

namespace Lifeboat.Controller.Access;

/// <summary>
/// Tokens of an OpenStack cloud, validated by `GET /v3/auth/tokens`, each with itself as authority (Keystone's policy
/// `token_subject`), so that the site needs no account there. A project is a tenant; a system-scoped token is of the
/// site. An answer holds for a minute, so one that is revoked is good for so long.
/// </summary>
internal sealed class KeystoneTokens(KeystoneSettings settings, TenantStore tenants, TimeProvider time)
    : ITokenReader, IDisposable
{
    private const int TokenMax = 8 << 10;
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(1);
    private readonly HttpClient _http = IdentityHttp.Client(settings.CaFile);
    private readonly MemoryCache _answers = new(new MemoryCacheOptions { SizeLimit = 10_000 });

    public async Task<Identity?> ReadAsync(string token, string address, CancellationToken ct)
    {
        // What is somebody else's is not handed to Keystone.
        if (token.Length is 0 or > TokenMax || ApiTokens.IsOne(token) || token.Any(c => c is < '!' or > '~'))
            return null;
        var key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        if (_answers.TryGetValue<Answer>(key, out var known) && time.GetUtcNow() < known!.Until) return known.OrThrow();
        using var answer = await AskAsync(token, ct);
        if (answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
            return null;
        if (answer.StatusCode is not HttpStatusCode.OK) throw Strange($"it answered {(int)answer.StatusCode}.");
        var read = await ReadAsync(answer, ct);
        var now = time.GetUtcNow();
        if (read.Until <= now) return null;
        _answers.Set(key, read.Until < now + Kept ? read : read with { Until = now + Kept },
            new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Kept });
        return read.OrThrow();
    }

    public void Dispose()
    {
        _http.Dispose();
        _answers.Dispose();
    }

    private async Task<HttpResponseMessage> AskAsync(string token, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get,
            $"{settings.Url.TrimEnd('/')}/v3/auth/tokens?nocatalog");
        request.Headers.Add("X-Auth-Token", token);
        request.Headers.Add("X-Subject-Token", token);
        try
        {
            return await _http.SendAsync(request, ct);
        }
        catch (Exception e) when (e is HttpRequestException
            || e is OperationCanceledException && !ct.IsCancellationRequested)
        {
            throw IdentityHttp.Unavailable($"Keystone at {settings.Url}", e);
        }
    }

    // Until is when the token is over.
    private async Task<Answer> ReadAsync(HttpResponseMessage answer, CancellationToken ct)
    {
        try
        {
            using var body = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(ct));
            var token = body.RootElement.GetProperty("token");
            var user = token.GetProperty("user");
            var isOfSite = token.TryGetProperty("system", out var system) && system.GetProperty("all").GetBoolean();
            var expires = token.GetProperty("expires_at").GetDateTimeOffset();
            var (tenant, problem) = isOfSite ? (null, null) : TenantOf(token);
            if (problem is not null) return new Answer(null, problem, expires);
            var named = token.GetProperty("roles").EnumerateArray().Select(r => r.GetProperty("name").GetString()!)
                .ToList();
            var roles = named.Select(RoleOf).OfType<Role>()
                .Select(r => isOfSite || !RoleRights.IsOfSite(r) ? r : Role.Manager);
            var domain = user.GetProperty("domain").GetProperty("id").GetString();
            var name = $"keystone:{user.GetProperty("name").GetString()}@{domain}";
            return new Answer(new Identity(name, tenant, RoleRights.Effective(roles, [], []), "keystone")
            {
                Roles = named,
                Cloud = CloudOf(user, token),
            }, null, expires);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException
            or FormatException)
        {
            throw Strange(e.Message);
        }
    }

    private static CloudIdentity CloudOf(JsonElement user, JsonElement token)
    {
        var project = token.TryGetProperty("project", out var of) ? of : (JsonElement?)null;
        return new CloudIdentity(Text(user, "id")!, Text(user, "name")!, Text(user.GetProperty("domain"), "id"),
            Text(project, "id"), Text(project, "name"), Text(project?.GetProperty("domain"), "id"));

        static string? Text(JsonElement? of, string name) => of?.GetProperty(name).GetString();
    }

    // Whoever has such a token is told why it does not do: Keystone has said that it is theirs.
    private (string? Tenant, string? Problem) TenantOf(JsonElement token)
    {
        if (!token.TryGetProperty("project", out var project))
            return (null, "The token of Keystone is of no project: ask for one that is scoped to a project.");
        var id = project.GetProperty("id").GetString()!;
        var called = project.GetProperty("name").GetString()!;
        var name = settings.Projects.TryGetValue(id, out var mapped) ? mapped
            : project.GetProperty("domain").GetProperty("id").GetString() == settings.Domain ? called : null;
        return name is not null && EntityName.IsValid(name) && tenants.Find(name) is not null ? (name, null)
            : (null, $"The token of Keystone is of the project '{called}', which is no tenant of this site.");
    }

    private Role? RoleOf(string name) => settings.Roles.TryGetValue(name, out var role) ? role
        : name switch
        {
            "reader" => Role.Reader,
            "member" => Role.Member,
            "manager" => Role.Manager,
            "admin" => Role.Admin,
            _ => null,
        };

    private Lifeboat.Contracts.ProblemException Strange(string what) =>
        IdentityHttp.Unavailable($"Keystone at {settings.Url}", new InvalidDataException(what));

    private sealed record Answer(Identity? Identity, string? Problem, DateTimeOffset Until)
    {
        public Identity OrThrow() => Identity ?? throw new Lifeboat.Contracts.ProblemException(
            ReasonCode.NotAuthenticated, "who asks is nobody here", Problem);
    }
}
