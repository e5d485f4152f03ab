// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Lifeboat.Controller.Access;

/// <summary>
/// Tokens of an OpenID provider: JWTs signed with one of the keys that it publishes. Its document is read when the
/// first
/// token comes, every hour, and when a token names a key that is not in it.
/// </summary>
internal sealed class OidcTokens(OidcSettings settings, TenantStore tenants, TimeProvider time)
    : ITokenReader, IDisposable
{
    private static readonly TimeSpan Fresh = TimeSpan.FromHours(1), Again = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(1);
    private readonly HttpClient _http = IdentityHttp.Client(settings.CaFile);
    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false };
    private readonly SemaphoreSlim _reading = new(1, 1);
    private volatile Published? _published;

    public async Task<Identity?> ReadAsync(string token, string address, CancellationToken ct)
    {
        if (TryRead(token) is not { } jwt || jwt.Issuer != settings.Issuer) return null;
        if (!await IsSignedAsync(token, ct)) return null;
        var now = time.GetUtcNow().UtcDateTime;
        // A token need not say from when on it is good: that is the first moment of all then, and none is before it.
        if (now - Skew > jwt.ValidTo)
            throw new ProblemException(ReasonCode.TokenExpired, "the token is no longer good",
                $"it was good until {jwt.ValidTo:u}");
        if (now + Skew < jwt.ValidFrom) return null;
        using var claims = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(jwt.EncodedPayload));
        return Identity(claims.RootElement);
    }

    public void Dispose()
    {
        _http.Dispose();
        _reading.Dispose();
    }

    private Identity? Identity(JsonElement claims)
    {
        if (Values(claims, settings.NameClaim) is not [var name]) return null;
        string? tenant = null;
        if (settings.TenantClaim is { } claim)
        {
            if (Values(claims, claim) is not [var said]) return null;
            tenant = said == settings.SiteValue ? null : said;
            if (tenant is not null && tenants.Find(tenant) is null) return null;
        }
        var roles = Values(claims, settings.RolesClaim).Select(RoleOf).OfType<Role>()
            .Where(r => tenant is null || !RoleRights.IsOfSite(r));
        return new Identity($"oidc:{name}", tenant, RoleRights.Effective(roles, [], []), "oidc")
        {
            Roles = Values(claims, settings.RolesClaim),
        };
    }

    private Role? RoleOf(string value) => settings.Roles.Count > 0
        ? settings.Roles.TryGetValue(value, out var role) ? role : null
        : Enum.TryParse<Role>(value, ignoreCase: true, out var same) && Enum.IsDefined(same)
            && !char.IsAsciiDigit(value[0]) ? same : null;

    private static IReadOnlyList<string> Values(JsonElement claims, string name)
    {
        if (!claims.TryGetProperty(name, out var found))
        {
            found = claims;
            foreach (var part in name.Split('.'))
                if (found.ValueKind is not JsonValueKind.Object || !found.TryGetProperty(part, out found)) return [];
        }
        return found.ValueKind switch
        {
            JsonValueKind.String => found.GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            JsonValueKind.Array => [.. found.EnumerateArray().Where(v => v.ValueKind is JsonValueKind.String)
                .Select(v => v.GetString()!)],
            _ => [],
        };
    }

    private JsonWebToken? TryRead(string token)
    {
        try
        {
            return _handler.CanReadToken(token) ? _handler.ReadJsonWebToken(token) : null;
        }
        catch (Exception e) when (e is ArgumentException or SecurityTokenException)
        {
            return null;
        }
    }

    private async Task<bool> IsSignedAsync(string token, CancellationToken ct)
    {
        var known = await PublishedAsync(Fresh, ct);
        var result = await _handler.ValidateTokenAsync(token, Expected(known));
        if (!result.IsValid && result.Exception is SecurityTokenSignatureKeyNotFoundException)
            result = await _handler.ValidateTokenAsync(token, Expected(await PublishedAsync(Again, ct)));
        return result.IsValid;
    }

    // Asymmetric signatures alone: with the others the provider's public key would do for a secret one.
    private TokenValidationParameters Expected(Published published) => new()
    {
        ValidIssuer = settings.Issuer,
        ValidAudience = settings.Audience,
        IssuerSigningKeys = published.Configuration.SigningKeys,
        ValidAlgorithms =
        [
            SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
            SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384,
            SecurityAlgorithms.RsaSsaPssSha512, SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384,
            SecurityAlgorithms.EcdsaSha512,
        ],
        RequireExpirationTime = true,
        // Looked at by the site's own clock, so that one that is over can be told so.
        ValidateLifetime = false,
    };

    private async Task<Published> PublishedAsync(TimeSpan atMost, CancellationToken ct)
    {
        if (_published is { } known && time.GetUtcNow() - known.At < atMost) return known;
        await _reading.WaitAsync(ct);
        try
        {
            if (_published is { } meanwhile && time.GetUtcNow() - meanwhile.At < atMost) return meanwhile;
            var address = settings.Issuer.TrimEnd('/') + "/.well-known/openid-configuration";
            // Anything but loopback is https, the settings see to that.
            var documents = new HttpDocumentRetriever(_http) { RequireHttps = false };
            var read = await OpenIdConnectConfigurationRetriever.GetAsync(address, documents, ct);
            return _published = new Published(read, time.GetUtcNow());
        }
        catch (Exception e) when (e is IOException or HttpRequestException or InvalidOperationException
            or ArgumentException or JsonException || e is OperationCanceledException && !ct.IsCancellationRequested)
        {
            throw IdentityHttp.Unavailable($"the OpenID provider {settings.Issuer}", e);
        }
        finally
        {
            _reading.Release();
        }
    }

    private sealed record Published(OpenIdConnectConfiguration Configuration, DateTimeOffset At);
}
