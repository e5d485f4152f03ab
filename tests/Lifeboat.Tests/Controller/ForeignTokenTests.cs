// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.IdentityModel.Tokens;

namespace Lifeboat.Tests.Controller;

/// <summary>Tokens that somebody else made: an OpenID provider, Keystone. Both are fakes with real bytes.</summary>
public sealed class ForeignTokenTests : IDisposable
{
    private const string Acme = "\"project\": {\"domain\": {\"id\": \"default\", \"name\": \"Default\"}, "
        + "\"id\": \"a6944d763bf64ee6a275f1263fae0352\", \"name\": \"acme\"}";
    private const string SystemScope = "\"system\": {\"all\": true}";
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-foreign").FullName;
    private readonly ControllerDatabase _database;
    private readonly TenantStore _tenants;

    public ForeignTokenTests()
    {
        _database = new SqliteDatabase(Path.Combine(_directory, "controller.db"));
        _tenants = new TenantStore(_database);
        _tenants.TryAdd(new StoredTenant("acme", null, TenantLimits.None, DateTimeOffset.UnixEpoch));
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(SecurityAlgorithms.RsaSha256)]
    [InlineData(SecurityAlgorithms.RsaSsaPssSha512)]
    [InlineData(SecurityAlgorithms.EcdsaSha256)]
    public async Task A_signed_token_is_who_it_says(string algorithm)
    {
        await using var issuer = await FakeIssuer.StartAsync();
        using var tokens = Oidc(issuer);
        SecurityKey key = algorithm.StartsWith("ES", StringComparison.Ordinal) ? issuer.NewEc() : issuer.NewRsa();
        var identity = await tokens.ReadAsync(issuer.Token(key, algorithm, Hour, Claims("anna", "acme", "dr-people")),
            "1.2.3.4", Ct);
        Assert.Equal(("oidc:anna", "acme", "oidc"), (identity!.Name, identity.Tenant, identity.Means));
        Assert.Equal(RoleRights.Of(Role.Member), identity.Rights);
        var site = await tokens.ReadAsync(issuer.Token(key, algorithm, Hour, Claims("bob", "*", "dr-admins")), "", Ct);
        Assert.Equal((null, RoleRights.All.Count), (site!.Tenant, site.Rights.Count));
        // A role of the site is none in a tenant, a role that nobody mapped is none at all.
        var poor = await tokens.ReadAsync(
            issuer.Token(key, algorithm, Hour, Claims("bob", "acme", "dr-admins", "admin")), "", Ct);
        Assert.Empty(poor!.Rights);
        Assert.Equal(1, issuer.Reads);
        // RFC 7519 section 4.1.5: `nbf` is optional, and many makers leave it out.
        Assert.NotNull(await tokens.ReadAsync(
            issuer.Token(key, algorithm, Hour, Claims("bob", "acme", "dr-people"), sinceWhen: false), "", Ct));
    }

    [Fact]
    public async Task What_is_not_the_providers_is_nobodys()
    {
        await using var issuer = await FakeIssuer.StartAsync();
        using var tokens = Oidc(issuer);
        var key = issuer.NewRsa();
        const string rs256 = SecurityAlgorithms.RsaSha256;
        var claims = Claims("anna", "acme", "dr-people");
        var good = issuer.Token(key, rs256, Hour, claims);
        Assert.NotNull(await tokens.ReadAsync(good, "", Ct));
        var parts = good.Split('.');
        var none = Base64UrlEncoder.Encode("{\"alg\":\"none\",\"typ\":\"JWT\"}");
        // The public key as if it were a shared secret: what a verifier falls for that takes any algorithm.
        var confused = new SymmetricSecurityKey(key.Rsa.ExportSubjectPublicKeyInfo()) { KeyId = key.KeyId };
        foreach (var bad in new[]
        {
            issuer.Token(issuer.NewRsa(publish: false), rs256, Hour, claims),
            issuer.Token(new RsaSecurityKey(System.Security.Cryptography.RSA.Create(2048)) { KeyId = key.KeyId },
                rs256, Hour, claims),
            issuer.Token(key, rs256, Hour, claims, audience: "another"),
            issuer.Token(key, rs256, Hour, claims, issuer: "http://127.0.0.1:1"),
            issuer.Token(key, rs256, Hour, Claims("anna", "nobodys", "dr-people")),
            issuer.Token(key, rs256, Hour, new() { ["sub"] = "anna", ["groups"] = new[] { "dr-people" } }),
            issuer.Token(confused, SecurityAlgorithms.HmacSha256, Hour, claims),
            $"{none}.{parts[1]}.", $"{none}.{parts[1]}.{parts[2]}",
            $"{parts[0]}.{Base64UrlEncoder.Encode("{\"iss\":\"" + issuer.Url + "\",\"sub\":\"root\"}")}.{parts[2]}",
            "a.b.c", "..", new string('x', 100_000),
        })
            Assert.Null(await tokens.ReadAsync(bad, "", Ct));
        var over = issuer.Token(key, rs256, -TimeSpan.FromMinutes(2), claims);
        Assert.Equal(ReasonCode.TokenExpired,
            (await Assert.ThrowsAsync<ProblemException>(() => tokens.ReadAsync(over, "", Ct))).Reason);
    }

    [Fact]
    public async Task A_key_that_the_provider_changed_to_is_fetched_and_not_for_every_forged_token()
    {
        var time = new HandTime();
        await using var issuer = await FakeIssuer.StartAsync();
        using var tokens = new OidcTokens(Settings(issuer), _tenants, time);
        var claims = Claims("anna", "acme", "dr-people");
        const string rs256 = SecurityAlgorithms.RsaSha256;
        Assert.NotNull(await tokens.ReadAsync(issuer.Token(issuer.NewRsa(), rs256, Hour, claims), "", Ct));
        var next = issuer.Token(issuer.NewRsa(), rs256, Hour, claims);
        Assert.Null(await tokens.ReadAsync(next, "", Ct));
        Assert.Equal(1, issuer.Reads);
        time.Passed = TimeSpan.FromSeconds(11);
        Assert.NotNull(await tokens.ReadAsync(next, "", Ct));
        Assert.Equal(2, issuer.Reads);
    }

    [Fact]
    public async Task A_provider_that_does_not_answer_is_told_apart_from_a_wrong_token()
    {
        var issuer = await FakeIssuer.StartAsync();
        using var tokens = Oidc(issuer);
        var token = issuer.Token(issuer.NewRsa(), SecurityAlgorithms.RsaSha256, Hour, Claims("anna", "acme", "x"));
        await issuer.DisposeAsync();
        Assert.Equal(ReasonCode.IdentityUnavailable,
            (await Assert.ThrowsAsync<ProblemException>(() => tokens.ReadAsync(token, "", Ct))).Reason);
    }

    [Fact]
    public async Task A_project_is_a_tenant_and_a_system_scope_the_site()
    {
        await using var cloud = await FakeKeystone.StartAsync();
        using var tokens = Keystone(cloud);
        var anna = (await tokens.ReadAsync(cloud.Issue("anna", Acme, "member reader", Hour), "", Ct))!;
        Assert.Equal(("keystone:anna@default", "acme"), (anna.Name, anna.Tenant));
        Assert.Equal(RoleRights.Of(Role.Member), anna.Rights);
        var admin = (await tokens.ReadAsync(cloud.Issue("root", SystemScope, "admin", Hour), "", Ct))!;
        Assert.Equal((null, RoleRights.All.Count), (admin.Tenant, admin.Rights.Count));
        // The admin of a project is not that of the site.
        var boss = (await tokens.ReadAsync(cloud.Issue("boss", Acme, "admin", Hour), "", Ct))!;
        Assert.Equal(("acme", RoleRights.Of(Role.Manager).Count), (boss.Tenant, boss.Rights.Count));
        var mapped = Acme.Replace("a6944d763bf64ee6a275f1263fae0352", "0123").Replace("\"acme\"", "\"Erp Test\"");
        Assert.Equal("acme", (await tokens.ReadAsync(cloud.Issue("c", mapped, "reader", Hour), "", Ct))!.Tenant);
    }

    [Fact]
    public async Task What_keystone_does_not_know_or_the_site_has_no_tenant_for_is_nobodys()
    {
        await using var cloud = await FakeKeystone.StartAsync();
        using var tokens = Keystone(cloud);
        Assert.Null(await tokens.ReadAsync("gAAAAABnobodys", "", Ct));
        await NobodysAsync(tokens, cloud.Issue("a", Acme.Replace("acme", "other"), "admin", Hour), "project 'other'");
        // A project of the same name in another domain is somebody else's.
        await NobodysAsync(tokens, cloud.Issue("a", Acme.Replace("\"default\"", "\"evil\""), "admin", Hour),
            "project 'acme', which is no tenant");
        var domain = cloud.Issue("a", "\"domain\": {\"id\": \"default\"}", "admin", Hour);
        await NobodysAsync(tokens, domain, "of no project");
        // What Keystone said is kept, this too.
        await NobodysAsync(tokens, domain, "of no project");
        Assert.Null(await tokens.ReadAsync(cloud.Issue("late", Acme, "admin", -Hour), "", Ct));
        var asked = cloud.Asked.Count;
        Assert.Null(await tokens.ReadAsync("lifeboat-token-1.0011223344556677.secret", "", Ct));
        Assert.Null(await tokens.ReadAsync("with\r\nline", "", Ct));
        Assert.Equal(asked, cloud.Asked.Count);
        foreach (var status in new[] { 500, 503, 300 })
        {
            cloud.Fails = status;
            Assert.Equal(ReasonCode.IdentityUnavailable, (await Assert.ThrowsAsync<ProblemException>(
                () => tokens.ReadAsync($"gAAAAAB{status}", "", Ct))).Reason);
        }
    }

    [Fact]
    public async Task An_answer_of_keystone_holds_for_a_minute()
    {
        var time = new HandTime();
        await using var cloud = await FakeKeystone.StartAsync();
        using var tokens = Keystone(cloud, time);
        var token = cloud.Issue("anna", Acme, "reader", Hour);
        for (var i = 0; i < 3; i++) Assert.NotNull(await tokens.ReadAsync(token, "", Ct));
        Assert.Single(cloud.Asked);
        cloud.Revoke(token);
        Assert.NotNull(await tokens.ReadAsync(token, "", Ct));
        time.Passed = TimeSpan.FromSeconds(61);
        Assert.Null(await tokens.ReadAsync(token, "", Ct));
    }

    [Fact]
    public void Settings_say_all_that_is_wrong_with_them()
    {
        var oidc = new OidcSettings
        {
            Issuer = "http://login.example.org", Audience = "", SiteValue = "*", CaFile = "x",
        };
        Assert.Equal(4, oidc.Problems().Count());
        Assert.Single(new KeystoneSettings { Url = "keystone" }.Problems());
        Assert.Empty(new KeystoneSettings { Url = "https://keystone:5000", CaFile = "/etc/ca.pem" }.Problems());
    }

    public void Dispose()
    {
        _database.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private static async Task NobodysAsync(KeystoneTokens tokens, string token, string why)
    {
        var e = await Assert.ThrowsAsync<ProblemException>(() => tokens.ReadAsync(token, "", Ct));
        Assert.Equal(ReasonCode.NotAuthenticated, e.Reason);
        Assert.Contains(why, e.Detail);
    }

    private OidcTokens Oidc(FakeIssuer issuer) => new(Settings(issuer), _tenants, TimeProvider.System);

    private static OidcSettings Settings(FakeIssuer issuer) => new()
    {
        Issuer = issuer.Url,
        Audience = "lifeboat",
        TenantClaim = "org.tenant",
        SiteValue = "*",
        RolesClaim = "groups",
        Roles = new Dictionary<string, Role> { ["dr-people"] = Role.Member, ["dr-admins"] = Role.Admin },
    };

    private KeystoneTokens Keystone(FakeKeystone cloud, TimeProvider? time = null) => new(new KeystoneSettings
    {
        Url = cloud.Url,
        Projects = new Dictionary<string, string> { ["0123"] = "acme" },
    }, _tenants, time ?? TimeProvider.System);

    private static Dictionary<string, object> Claims(string name, string tenant, params string[] groups) => new()
    {
        ["sub"] = name,
        ["org"] = new Dictionary<string, object> { ["tenant"] = tenant },
        ["groups"] = groups,
    };

    private sealed class HandTime : TimeProvider
    {
        public TimeSpan Passed { get; set; }

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Passed;
    }
}
