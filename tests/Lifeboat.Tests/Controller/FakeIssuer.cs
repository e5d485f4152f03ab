// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Lifeboat.Tests.Controller;

/// <summary>
/// A fake OpenID provider: no users behind it, but a real document, real keys and real signatures, over HTTP on
/// loopback.
/// </summary>
internal sealed class FakeIssuer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly List<SecurityKey> _published = [];

    private FakeIssuer(WebApplication app) => _app = app;

    public string Url { get; private set; } = "";
    public int Reads { get; private set; }

    public static async Task<FakeIssuer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var issuer = new FakeIssuer(builder.Build());
        issuer._app.MapGet("/.well-known/openid-configuration", () =>
        {
            issuer.Reads++;
            return Results.Json(new
            {
                issuer = issuer.Url,
                jwks_uri = issuer.Url + "/keys",
                authorization_endpoint = issuer.Url + "/none",
                response_types_supported = new[] { "code" },
                subject_types_supported = new[] { "public" },
                id_token_signing_alg_values_supported = new[] { "RS256", "ES256" },
            });
        });
        issuer._app.MapGet("/keys", () => Results.Json(new { keys = issuer._published.Select(Public) }));
        await issuer._app.StartAsync(TestContext.Current.CancellationToken);
        issuer.Url = issuer._app.Services.GetRequiredService<IServer>().Features
            .GetRequiredFeature<IServerAddressesFeature>().Addresses.First();
        return issuer;
    }

    public RsaSecurityKey NewRsa(bool publish = true) =>
        Kept(new RsaSecurityKey(RSA.Create(2048)) { KeyId = Guid.NewGuid().ToString("n") }, publish);

    public ECDsaSecurityKey NewEc() => Kept(new ECDsaSecurityKey(ECDsa.Create(ECCurve.NamedCurves.nistP256))
    {
        KeyId = Guid.NewGuid().ToString("n"),
    }, true);

    public string Token(SecurityKey key, string algorithm, TimeSpan life, Dictionary<string, object> claims,
        string audience = "lifeboat", string? issuer = null, bool sinceWhen = true)
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(
            new SecurityTokenDescriptor
            {
                Issuer = issuer ?? Url,
                Audience = audience,
                NotBefore = !sinceWhen ? null : (life > TimeSpan.Zero ? now : now + life) - TimeSpan.FromHours(1),
                Expires = now + life,
                Claims = claims,
                SigningCredentials = new SigningCredentials(key, algorithm),
            });
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private T Kept<T>(T key, bool publish) where T : SecurityKey
    {
        if (publish) _published.Add(key);
        return key;
    }

    private static object Public(SecurityKey key)
    {
        var jwk = key is RsaSecurityKey rsa
            ? JsonWebKeyConverter.ConvertFromRSASecurityKey(new RsaSecurityKey(rsa.Rsa.ExportParameters(false)))
            : JsonWebKeyConverter.ConvertFromECDsaSecurityKey((ECDsaSecurityKey)key);
        return new
        {
            kty = jwk.Kty, kid = key.KeyId, use = "sig", n = jwk.N, e = jwk.E, crv = jwk.Crv, x = jwk.X, y = jwk.Y,
        };
    }
}
