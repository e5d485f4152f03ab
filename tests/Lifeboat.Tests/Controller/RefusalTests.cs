// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.Policies;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>Every refusal has its reason, and leaves the state as before.</summary>
public sealed class RefusalTests
{
    [Fact]
    public async Task A_token_is_good_once_and_only_whole()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        await RefusedAsync(ReasonCode.PairingTokenRefused,
            () => sites.A.Client.PairAsync("lifeboat-pair-1.nonsense", Ct));
        var token = (await sites.B.Client.CreateTokenAsync(Ct)).Token;
        await RefusedAsync(ReasonCode.Conflict, () => sites.B.Client.PairAsync(token, Ct));
        await RefusedAsync(ReasonCode.PairingTokenRefused, () => sites.A.Client.PairAsync(WrongSecret(token), Ct));
        Assert.Empty((await sites.A.Client.SiteAsync(Ct)).Peers);
        Assert.Empty((await sites.B.Client.SiteAsync(Ct)).Peers);
        Assert.Equal("b", (await sites.A.Client.PairAsync(token, Ct)).Name);
        await RefusedAsync(ReasonCode.PairingTokenRefused, () => sites.A.Client.PairAsync(token, Ct));
        Assert.Equal("a", Assert.Single((await sites.B.Client.SiteAsync(Ct)).Peers).Name);
    }

    [Fact]
    public async Task A_token_is_burnt_after_five_wrong_tries()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        var token = (await sites.B.Client.CreateTokenAsync(Ct)).Token;
        for (var i = 0; i < 5; i++)
            await RefusedAsync(ReasonCode.PairingTokenRefused, () => sites.A.Client.PairAsync(WrongSecret(token), Ct));
        await RefusedAsync(ReasonCode.PairingTokenRefused, () => sites.A.Client.PairAsync(token, Ct));
    }

    [Fact]
    public async Task A_foreign_certificate_is_refused_with_its_reason()
    {
        await using var sites = await TwoSites.StartAsync();
        using var foreign = ForeignDirectory.Make("a");
        foreach (var certificate in new[] { foreign.Certificate, null })
        {
            using var http = Anybody(certificate);
            using var answer = await http.PostAsync($"{sites.B.Url}/peer/v1/exchange",
                new StringContent("{\"groups\":[]}", Encoding.UTF8, "application/json"), Ct);
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
            Assert.Contains("certificate-refused", await answer.Content.ReadAsStringAsync(Ct));
        }
    }

    [Fact]
    public async Task The_agents_certificate_is_not_the_controllers()
    {
        await using var sites = await TwoSites.StartAsync();
        using var agent = X509Certificate2.CreateFromPemFile(sites.A.Paths.AgentCertificate, sites.A.Paths.AgentKey);
        using var http = Anybody(agent);
        using var answer = await http.GetAsync($"{sites.B.Url}/peer/v1/groups/shop", Ct);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact]
    public async Task The_local_api_is_for_nobody_without_a_token_over_the_network()
    {
        await using var sites = await TwoSites.StartAsync();
        using var http = Anybody(null);
        using var answer = await http.GetAsync($"{sites.B.Url}/v1/site", Ct);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task A_target_that_is_too_small_leaves_no_half_group()
    {
        await using var sites = await TwoSites.StartAsync();
        sites.B.Agent.TargetBytes = 1 << 20;
        await RefusedAsync(ReasonCode.TargetTooSmall, () => sites.ProtectAsync());
        Assert.Empty(await sites.A.Client.GroupsAsync(Ct));
        Assert.Empty(await sites.B.Client.GroupsAsync(Ct));
        Assert.Empty(sites.A.Agent.Status().Sources);
        sites.B.Agent.TargetBytes = long.MaxValue;
        await sites.A.Client.CreateGroupAsync(Request(), Ct);
        await UntilAsync(sites.B, GroupState.Protected);
    }

    [Fact]
    public async Task All_faults_of_a_group_are_said_at_once()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await sites.A.Client.AdoptAsync(new AdoptRequest("db2", sites.A.RunGuest("db2", "vda"), null), Ct);
        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () => sites.A.Client.CreateGroupAsync(new()
        {
            Name = "Not A Name",
            RecoverySite = "mars",
            Members = [new MemberRequest("db1", ExcludedDisks: ["vdz"]), new MemberRequest("nobody")],
            Policy = new Policy { RpoTarget = TimeSpan.Zero },
            Checks = ["ping:1"],
        }, Ct));
        Assert.Equal(7, refused.Errors!.Count);
        await RefusedAsync(ReasonCode.InstanceUnknown, () => sites.A.Client.CreateGroupAsync(
            Request() with { Name = "other", Members = [new MemberRequest("nobody")], Checks = [] }, Ct));
        await RefusedAsync(ReasonCode.VolumeUnknown, () => sites.A.Client.CreateGroupAsync(Request() with
        {
            Name = "other",
            Members = [new MemberRequest("db2", ExcludedDisks: ["vdz"])],
            Checks = [],
        }, Ct));
    }

    [Fact]
    public async Task A_second_run_and_a_run_at_the_wrong_site_are_refused()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        var wrong = await RefusedAsync(ReasonCode.WrongSite,
            () => sites.A.Client.StartRunAsync("shop", new() { Kind = RunKind.Failover }, Ct));
        Assert.Contains("site b", wrong.Message);
        var held = await sites.B.Client.StartRunAsync("shop",
            new() { Kind = RunKind.TestFailover, Hold = TimeSpan.FromHours(1) }, Ct);
        var second = await RefusedAsync(ReasonCode.RunInProgress,
            () => sites.B.Client.StartRunAsync("shop",
                new() { Kind = RunKind.Failover, SourceIsDead = true }, Ct));
        Assert.Contains(held.Id.ToString(), second.Detail);
        await RefusedAsync(ReasonCode.RunInProgress, () => sites.B.Client.DeleteGroupAsync("shop", Ct));
        await sites.B.Client.CancelRunAsync(held.Id, Ct);
        await foreach (var change in sites.B.Client.WatchRunAsync(held.Id, Ct))
            if (change.Finished) Assert.Equal(RunState.Cancelled, change.State);
    }

    [Fact]
    public async Task What_is_unknown_is_said_to_be()
    {
        await using var sites = await TwoSites.StartAsync();
        await RefusedAsync(ReasonCode.GroupUnknown, () => sites.A.Client.GroupAsync("nothing", Ct));
        await RefusedAsync(ReasonCode.GroupUnknown,
            () => sites.A.Client.StartRunAsync("nothing", new() { Kind = RunKind.Failover }, Ct));
        await RefusedAsync(ReasonCode.RunUnknown, () => sites.A.Client.RunAsync(Guid.NewGuid(), Ct));
        await RefusedAsync(ReasonCode.InstanceUnknown, () => sites.A.Client.InstanceAsync("nobody", Ct));
        await RefusedAsync(ReasonCode.MonitorUnreachable,
            () => sites.A.Client.AdoptAsync(new AdoptRequest("vm1", "/nowhere.sock", null), Ct));
    }

    [Fact]
    public async Task Fields_that_nobody_knows_are_refused()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        using var http = new HttpClient(UnixSocketHttp.Handler(sites.A.Paths.ControllerSocket));
        using var answer = await http.PostAsync("http://controller/v1/instances", new StringContent(
            "{\"name\":\"x\",\"qmpSocket\":\"/q\",\"colour\":\"red\"}", Encoding.UTF8, "application/json"), Ct);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("colour", await answer.Content.ReadAsStringAsync(Ct));
    }

    [Fact]
    public async Task A_second_controller_of_a_site_is_refused()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        await RefusedAsync(ReasonCode.Conflict, () => ControllerHost.RunAsync(sites.A.Paths.Root, () => { }, Ct));
        await sites.A.Client.SiteAsync(Ct);
    }

    [Fact]
    public async Task A_failover_without_or_to_an_unknown_point_does_not_begin()
    {
        await using var sites = await TwoSites.StartAsync();
        sites.A.Agent.SealsPoints = false;
        await sites.ProtectAsync();
        await RefusedAsync(ReasonCode.NoRecoveryPoint,
            () => sites.B.Client.StartRunAsync("shop", new() { Kind = RunKind.Failover }, Ct));
        sites.A.Agent.SealsPoints = true;
        await UntilAsync(sites.B, GroupState.Protected);
        await RefusedAsync(ReasonCode.PointUnknown, () => sites.B.Client.StartRunAsync("shop",
            new() { Kind = RunKind.TestFailover, PointId = Guid.NewGuid() }, Ct));
        Assert.Empty(await sites.B.Client.RunsAsync("shop", Ct));
    }

    [Fact]
    public async Task A_peer_reaches_only_what_is_between_it_and_this_site()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await using var third = await TestSite.StartAsync("c", sites.Network);
        await third.Client.PairAsync((await sites.B.Client.CreateTokenAsync(Ct)).Token, Ct);
        using var controller = X509Certificate2.CreateFromPemFile(third.Paths.ControllerCertificate,
            third.Paths.ControllerKey);
        using var http = Anybody(controller);
        using var read = await http.GetAsync($"{sites.B.Url}/peer/v1/groups/shop", Ct);
        Assert.Contains("group-unknown", await read.Content.ReadAsStringAsync(Ct));
        using var stop = await http.PostAsync($"{sites.B.Url}/peer/v1/groups/shop/instances/db1/stop", null, Ct);
        Assert.Contains("group-unknown", await stop.Content.ReadAsStringAsync(Ct));
        var known = (await sites.B.Client.GroupAsync("shop", Ct)).Definition;
        var stolen = known with { PrimarySite = "c", Epoch = new(9) };
        using var put = await http.PutAsync($"{sites.B.Url}/peer/v1/groups/shop", new StringContent(
            System.Text.Json.JsonSerializer.Serialize(stolen, ContractJson.Options), Encoding.UTF8,
            "application/json"), Ct);
        Assert.Contains("group-exists", await put.Content.ReadAsStringAsync(Ct));
    }

    [Fact]
    public async Task A_definition_that_names_files_of_the_host_is_not_believed()
    {
        await using var sites = await TwoSites.StartAsync();
        var good = (await sites.ProtectAsync()).Definition;
        var member = good.Members[0];
        foreach (var bad in new[]
        {
            good with { Members = [member with { Instance = "../../etc" }] },
            good with
            {
                Members =
                [
                    member with { Description = member.Description with { Kernel = new("/etc/shadow", null, "") } },
                ],
            },
            good with { Members = [member with { Volumes = [member.Volumes[0] with { SizeBytes = -512 }] }] },
        })
        {
            using var controller = X509Certificate2.CreateFromPemFile(sites.A.Paths.ControllerCertificate,
                sites.A.Paths.ControllerKey);
            using var http = Anybody(controller);
            using var put = await http.PutAsync($"{sites.B.Url}/peer/v1/groups/shop", new StringContent(
                System.Text.Json.JsonSerializer.Serialize(bad with { Version = 9 }, ContractJson.Options),
                Encoding.UTF8, "application/json"), Ct);
            Assert.Equal(HttpStatusCode.BadRequest, put.StatusCode);
        }
        Assert.Equal(1, (await sites.B.Client.GroupAsync("shop", Ct)).Definition.Version);
    }

    private static string WrongSecret(string token)
    {
        var prefix = token[..(token.IndexOf('.') + 1)];
        var json = Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(token.AsSpan(prefix.Length)));
        var start = json.IndexOf("\"secret\":\"", StringComparison.Ordinal) + "\"secret\":\"".Length;
        var wrong = json[start] == '0' ? '1' : '0';
        var changed = json[..start] + wrong + json[(start + 1)..];
        return prefix + System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(changed));
    }

    private static HttpClient Anybody(X509Certificate2? certificate) => new(new SocketsHttpHandler
    {
        SslOptions = new SslClientAuthenticationOptions
        {
            ClientCertificates = certificate is null ? [] : [certificate],
            LocalCertificateSelectionCallback = certificate is null ? null : (_, _, _, _, _) => certificate,
            RemoteCertificateValidationCallback = (_, _, _, _) => true,
        },
    });

    /// <summary>A site of the same name with another CA.</summary>
    private sealed class ForeignDirectory : IDisposable
    {
        private readonly string _root = Directory.CreateTempSubdirectory("lb-foreign").FullName;

        public static ForeignDirectory Make(string name)
        {
            var made = new ForeignDirectory();
            SiteInitializer.Init(made._root, name, "127.0.0.1:1", "127.0.0.1:2");
            return made;
        }

        public X509Certificate2 Certificate
        {
            get
            {
                var paths = new SitePaths(_root);
                return X509Certificate2.CreateFromPemFile(paths.ControllerCertificate, paths.ControllerKey);
            }
        }

        public void Dispose() => Directory.Delete(_root, recursive: true);
    }
}
