// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Cli;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>A controller reached over HTTPS, as profiles say.</summary>
public sealed class ProfileTests : IDisposable
{
    private const string Password = "correct horse battery";
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-profile").FullName;

    [Fact]
    public async Task A_client_over_https_does_what_one_over_the_socket_does()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        await sites.B.Client.CreateUserAsync(
            new CreateUserRequest { Name = "anna", Roles = [Role.Operator], Password = Password }, Ct);
        using var anna = Client(new ControllerAccess
        {
            Url = new Uri(sites.B.Url), Fingerprint = Fingerprint(sites.B), User = "anna", Password = Password,
        });
        Assert.Equal("token", (await anna.CallerAsync(Ct)).Means);
        // All of a run, with its events as they come.
        var run = await anna.StartRunAsync("shop", new StartRunRequest { Kind = RunKind.TestFailover }, Ct);
        var last = run;
        await foreach (var change in anna.WatchRunAsync(run.Id, Ct)) last = change;
        Assert.Equal((RunState.Succeeded, "anna"), (last.State, last.RequestedBy));
        var token = Assert.Single(await anna.ApiTokensAsync(null, Ct));
        // Its token is over: it signs in again, and what it sent is sent once more.
        await sites.B.Client.RevokeApiTokenAsync(token.Id, Ct);
        await anna.ChangeLinkAsync("a", new LinkChange { Cap = "50Mbit" }, Ct);
        Assert.Equal("50Mbit", (await sites.B.Client.LinkAsync("a", Ct)).Settings.Cap);
        Assert.Equal(2, (await anna.ApiTokensAsync(null, Ct)).Count);
    }

    [Fact]
    public async Task Nothing_is_sent_to_another_controller_than_the_profile_means()
    {
        await using var sites = await TwoSites.StartAsync();
        var good = new ControllerAccess { Url = new Uri(sites.B.Url), Token = "secret" };
        foreach (var access in new[]
        {
            good with { Fingerprint = Fingerprint(sites.A) },
            good with { CaPem = File.ReadAllText(sites.A.Paths.CaCertificate) },
        })
        {
            using var client = Client(access);
            var refused = await Assert.ThrowsAsync<ProblemException>(() => client.SiteAsync(Ct));
            Assert.True(refused.Reason is ReasonCode.CertificateRefused or ReasonCode.ControllerUnreachable);
        }
        using var right = Client(good with { CaPem = File.ReadAllText(sites.B.Paths.CaCertificate) });
        await RefusedAsync(ReasonCode.NotAuthenticated, () => right.SiteAsync(Ct));
    }

    [Fact]
    public async Task A_profiles_tenant_is_the_users_and_an_operator_names_one()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await sites.A.Client.CreateTenantAsync(new() { Name = "acme" }, Ct);
        sites.A.Services.GetRequiredService<UserStore>().TryAdd(
            new StoredUser("acme", "anna", [Role.Member], [], [], DateTimeOffset.UnixEpoch), PasswordHash.Of(Password));
        using var anna = Client(new ControllerAccess
        {
            Url = new Uri(sites.A.Url), Fingerprint = Fingerprint(sites.A), User = "anna", Password = Password,
            Tenant = "acme",
        });
        Assert.Equal("acme", (await anna.CallerAsync(Ct)).Tenant);
        Assert.Empty(await anna.GroupsAsync(Ct));
        using var local = new ControllerClient(TenantHeader.Over(
            UnixSocketHttp.Handler(sites.A.Paths.ControllerSocket), "acme"), new Uri("http://controller/"));
        Assert.Empty(await local.GroupsAsync(Ct));
        Assert.Equal("acme", (await local.CreateUserAsync(new CreateUserRequest { Name = "bert" }, Ct)).Tenant);
        Assert.Single(await sites.A.Client.GroupsAsync(Ct));
    }

    [Fact]
    public void A_profile_is_read_with_what_is_in_files_beside_it()
    {
        Write("token", "lifeboat-token-1.x.y\n");
        Write("ca.pem", "PEM");
        Write("profiles.yaml", """
            profiles:
              prod:
                url: https://10.0.0.2:7401
                ca: ca.pem
                token-file: token
                tenant: acme
            """);
        var access = Read("prod");
        Assert.Equal(("PEM", "lifeboat-token-1.x.y", "acme", "https://10.0.0.2:7401/"),
            (access.CaPem, access.Token, access.Tenant, access.Url.ToString()));
        var none = Assert.Throws<ProblemException>(() => Read("test"));
        Assert.Contains("prod", none.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void All_that_is_wrong_with_a_profile_is_said_at_once()
    {
        Write("password", "x");
        File.SetUnixFileMode(Path.Combine(_directory, "password"), UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Write("profiles.yaml", """
            profiles:
              bad:
                url: http://10.0.0.2
                user: anna
                password-file: password
                token-file: nowhere
            """);
        // Plain http; no CA; a password that all may read; a token that is not there.
        Assert.Equal(4, Assert.Throws<ProblemException>(() => Read("bad")).Errors!.Count);
        Write("profiles.yaml", "profiles:\n  odd:\n    colour: red\n");
        Assert.Contains("colour", Assert.Throws<ProblemException>(() => Read("odd")).Detail, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(ProfileFile.Variable, null);
        Directory.Delete(_directory, recursive: true);
    }

    private ControllerAccess Read(string profile)
    {
        Environment.SetEnvironmentVariable(ProfileFile.Variable, Path.Combine(_directory, "profiles.yaml"));
        return ProfileFile.Read(profile);
    }

    private void Write(string name, string text)
    {
        var path = Path.Combine(_directory, name);
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private static ControllerClient Client(ControllerAccess access) => new(new ControllerHandler(access), access.Url);

    private static string Fingerprint(TestSite site)
    {
        using var ca = X509Certificate2.CreateFromPem(File.ReadAllText(site.Paths.CaCertificate));
        return Convert.ToHexStringLower(SHA256.HashData(ca.RawData));
    }
}
