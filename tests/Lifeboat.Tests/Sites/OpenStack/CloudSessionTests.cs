// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Tests.Linking;

namespace Lifeboat.Tests.Sites.OpenStack;

/// <summary>Faults between us and a cloud, over real HTTP.</summary>
public sealed class CloudSessionTests : IAsyncLifetime
{
    private const string Servers = "GET /compute/v2.1/servers/detail";
    private const string NoServers = """{"servers": []}""";
    private FakeCloud _cloud = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _cloud = await FakeCloud.StartAsync();

    public ValueTask DisposeAsync() => _cloud.DisposeAsync();

    [Fact]
    public async Task A_request_says_who_asks_in_which_version_and_has_an_id_of_its_own()
    {
        _cloud.On(Servers, FakeCloud.Json(NoServers));
        using var session = _cloud.Session();
        await new NovaClient(session).ServersAsync(Ct);
        await new NovaClient(session).ServersAsync(Ct);

        var asked = _cloud.Asked(Servers).ToList();
        Assert.All(asked, r => Assert.Equal("token-1", r.Token));
        Assert.All(asked, r => Assert.Equal("compute 2.93", r.Headers["OpenStack-API-Version"]));
        Assert.Equal(2, asked.Select(r => r.Headers["X-Openstack-Request-Id"]).Distinct().Count());
        Assert.Single(_cloud.Asked("POST /v3/auth/tokens"));
        Assert.Single(_cloud.Asked("GET /compute/v2.1/"));
    }

    [Fact]
    public async Task A_token_that_is_refused_in_the_middle_is_replaced_once()
    {
        var refused = FakeCloud.Json("""{"error": {"code": 401, "title": "Unauthorized", "message": "over"}}""", 401);
        _cloud.On(Servers, refused, FakeCloud.Json(NoServers));
        using var session = _cloud.Session();
        await new NovaClient(session).ServersAsync(Ct);
        Assert.Equal(["token-1", "token-2"], _cloud.Asked(Servers).Select(r => r.Token));

        _cloud.On(Servers, refused);
        var e = await Assert.ThrowsAsync<CloudException>(() => new NovaClient(session).ServersAsync(Ct));
        Assert.Equal(CloudFault.Unauthorised, e.Fault);
        Assert.Equal(4, _cloud.Asked(Servers).Count());
    }

    [Fact]
    public async Task A_token_is_renewed_before_its_end_and_kept_while_keystone_is_down()
    {
        var time = new HandClock();
        _cloud.Time = time;
        _cloud.Life = TimeSpan.FromMinutes(60);
        using var session = _cloud.Session(FakeCloud.Quick with { RepeatsMax = 1, FirstPause = TimeSpan.FromTicks(1) });
        Assert.Equal("token-1", (await session.TokenAsync(Ct)).Value);
        time.Advance(TimeSpan.FromMinutes(54));
        Assert.Equal("token-1", (await session.TokenAsync(Ct)).Value);
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal("token-2", (await session.TokenAsync(Ct)).Value);

        _cloud.On("POST /v3/auth/tokens", FakeCloud.Json("down", 503, ("Retry-After", "3600")));
        time.Advance(TimeSpan.FromMinutes(57));
        Assert.Equal("token-2", (await session.TokenAsync(Ct)).Value);
        time.Advance(TimeSpan.FromMinutes(4));
        var e = await Assert.ThrowsAsync<CloudException>(() => session.TokenAsync(Ct));
        Assert.Equal(CloudFault.ServiceDown, e.Fault);
    }

    [Fact]
    public async Task A_question_is_repeated_after_failures_and_a_reset_connection()
    {
        _cloud.On(Servers, FakeCloud.Json("<html>oops</html>", 500), FakeCloud.ResetAsync, FakeCloud.Json("", 503),
            FakeCloud.Json(NoServers));
        using var session = _cloud.Session();
        Assert.Empty(await new NovaClient(session).ServersAsync(Ct));
        Assert.Equal(4, _cloud.Asked(Servers).Count());
    }

    [Fact]
    public async Task A_change_is_repeated_only_when_it_was_surely_not_carried_out()
    {
        const string volumes = "POST /volume/v3/" + FakeCloud.Project + "/volumes";
        var made = FakeCloud.Json("""{"volume": {"id": "v1", "size": 1, "status": "creating"}}""", 202);
        using var session = _cloud.Session();
        var cinder = new CinderClient(session);

        _cloud.On(volumes, FakeCloud.Json("""{"overLimit": {"code": 429, "message": "slow down"}}""", 429,
            ("Retry-After", "1")), made);
        Assert.Equal("v1", (await cinder.CreateVolumeAsync(new NewVolume("a", 1), Ct)).Id);
        Assert.Equal(2, _cloud.Asked(volumes).Count());

        foreach (var lost in new[] { FakeCloud.Json("{}", 500), FakeCloud.ResetAsync })
        {
            var before = _cloud.Asked(volumes).Count();
            _cloud.On(volumes, lost, made);
            var e = await Assert.ThrowsAsync<CloudException>(() =>
                cinder.CreateVolumeAsync(new NewVolume("a", 1), Ct));
            Assert.True(e.MaybeDone, e.Message);
            Assert.Equal(before + 1, _cloud.Asked(volumes).Count());
        }
    }

    [Fact]
    public async Task A_service_that_wants_to_be_left_alone_for_long_is_not_waited_for()
    {
        _cloud.On(Servers, FakeCloud.Json("""{"overLimit": {"message": "later"}}""", 429, ("Retry-After", "600")));
        using var session = _cloud.Session();
        var e = await Assert.ThrowsAsync<CloudException>(() => new NovaClient(session).ServersAsync(Ct));
        Assert.Equal(CloudFault.OverLimit, e.Fault);
        Assert.Single(_cloud.Asked(Servers));
    }

    [Fact]
    public async Task A_fault_tells_what_was_asked_what_the_service_said_and_its_request_id()
    {
        _cloud.On(Servers, FakeCloud.Json("""{"badRequest": {"code": 400, "message": "Invalid marker"}}""", 400));
        using var session = _cloud.Session();
        var e = await Assert.ThrowsAsync<CloudException>(() => new NovaClient(session).ServersAsync(Ct));
        Assert.Equal("Nova GET /compute/v2.1/servers/detail: Invalid marker (HTTP 400, request req-of-the-cloud)",
            e.Message);
        Assert.Equal("req-of-the-cloud", e.RequestId);
    }

    [Fact]
    public async Task Pages_are_followed_to_the_clouds_own_address_and_a_circle_is_told()
    {
        const string path = "GET /network/v2.0/networks";
        var first = FakeCloud.Json("""
            {"networks": [{"id": "n1", "name": "one"}],
             "networks_links": [{"rel": "next", "href": "http://elsewhere.example:1/v2.0/networks?limit=1&marker=n1"}]}
            """);
        _cloud.On(path, first, FakeCloud.Json("""{"networks": [{"id": "n2", "name": "two"}]}"""));
        using var session = _cloud.Session();
        var neutron = new Lifeboat.Sites.OpenStack.Networking.NeutronClient(session);
        Assert.Equal(["n1", "n2"], (await neutron.NetworksAsync(Ct)).Select(n => n.Id));
        Assert.Equal("?limit=1&marker=n1", _cloud.Asked(path).Last().Query);

        _cloud.On(path, first);
        var e = await Assert.ThrowsAsync<CloudException>(() => neutron.NetworksAsync(Ct));
        Assert.Contains("circle", e.Message);
    }

    [Fact]
    public async Task A_service_that_is_too_old_is_told_with_both_ranges()
    {
        _cloud.On("GET /compute/v2.1/", FakeCloud.Json(
            """{"version": {"id": "v2.1", "version": "2.60", "min_version": "2.1"}}"""));
        using var session = _cloud.Session();
        var e = await Assert.ThrowsAsync<CloudException>(() => new NovaClient(session).ServersAsync(Ct));
        Assert.Equal(CloudFault.VersionTooOld, e.Fault);
        Assert.Contains("2.1 to 2.60", e.Message);
        Assert.Contains("2.79", e.Message);
        Assert.Empty(_cloud.Asked(Servers));
    }

    [Fact]
    public async Task What_is_not_there_is_null_and_an_answer_of_another_form_is_strange()
    {
        using var session = _cloud.Session();
        Assert.Null(await new NovaClient(session).FindServerAsync("gone", Ct));
        _cloud.On("GET /compute/v2.1/servers/odd", FakeCloud.Json("""{"server": {"id": "odd"}}"""));
        var e = await Assert.ThrowsAsync<CloudException>(() => new NovaClient(session).FindServerAsync("odd", Ct));
        Assert.Equal(CloudFault.Strange, e.Fault);
    }

    [Fact]
    public async Task A_service_token_goes_along_and_is_renewed_with_the_other()
    {
        _cloud.On(Servers, FakeCloud.Json("{}", 401), FakeCloud.Json(NoServers));
        using var session = _cloud.Session(service: _cloud.Settings with { Name = "service" });
        await new NovaClient(session).ServersAsync(Ct);
        var asked = _cloud.Asked(Servers).ToList();
        Assert.All(asked, r => Assert.NotEqual(r.Token, r.Headers["X-Service-Token"]));
        Assert.NotEqual(asked[0].Headers["X-Service-Token"], asked[1].Headers["X-Service-Token"]);
    }

    [Fact]
    public async Task What_a_lost_answer_made_is_found_and_not_made_twice()
    {
        const string make = "POST /volume/v3/" + FakeCloud.Project + "/volumes";
        const string list = "GET /volume/v3/" + FakeCloud.Project + "/volumes/detail";
        _cloud.On(make, FakeCloud.ResetAsync);
        _cloud.On(list, FakeCloud.Json("""{"volumes": []}"""),
            FakeCloud.Json("""{"volumes": [{"id": "v7", "size": 1, "status": "creating", "name": "ours"}]}"""));
        using var session = _cloud.Session();
        var cinder = new CinderClient(session);
        var found = await MakeOnce.RunAsync(ct => cinder.VolumesAsync("ours", ct),
            ct => cinder.CreateVolumeAsync(new NewVolume("ours", 1), ct),
            (v, ct) => cinder.DeleteVolumeAsync(v.Id, ct), TimeProvider.System, Ct);
        Assert.Equal("v7", found.Id);
        Assert.Single(_cloud.Asked(make));
    }

    [Fact]
    public async Task What_a_conflict_tells_of_is_looked_for_and_used_and_a_conflict_with_something_else_is_told()
    {
        const string make = "POST /volume/v3/" + FakeCloud.Project + "/volumes";
        const string list = "GET /volume/v3/" + FakeCloud.Project + "/volumes/detail";
        _cloud.On(make, FakeCloud.Json("", 409));
        _cloud.On(list, FakeCloud.Json("""{"volumes": []}"""),
            FakeCloud.Json("""{"volumes": [{"id": "v7", "size": 1, "status": "creating", "name": "ours"}]}"""),
            FakeCloud.Json("""{"volumes": []}"""));
        using var session = _cloud.Session();
        var cinder = new CinderClient(session);
        Task<CinderVolume> MakeAsync() => MakeOnce.RunAsync(ct => cinder.VolumesAsync("ours", ct),
            ct => cinder.CreateVolumeAsync(new NewVolume("ours", 1), ct),
            (v, ct) => cinder.DeleteVolumeAsync(v.Id, ct), TimeProvider.System, Ct);
        Assert.Equal("v7", (await MakeAsync()).Id);
        Assert.Equal(CloudFault.Conflict, (await Assert.ThrowsAsync<CloudException>(MakeAsync)).Fault);
        Assert.Equal(2, _cloud.Asked(make).Count());
    }

    [Fact]
    public async Task Of_two_that_late_answers_made_the_younger_goes()
    {
        const string drop = "DELETE /volume/v3/" + FakeCloud.Project + "/volumes/v8";
        _cloud.On("GET /volume/v3/" + FakeCloud.Project + "/volumes/detail", FakeCloud.Json("""
            {"volumes": [{"id": "v7", "size": 1, "status": "available"}, {"id": "v8", "size": 1, "status": "creating"}]}
            """));
        _cloud.On(drop, FakeCloud.Json("", 202));
        using var session = _cloud.Session();
        var cinder = new CinderClient(session);
        var found = await MakeOnce.RunAsync(ct => cinder.VolumesAsync("ours", ct),
            ct => cinder.CreateVolumeAsync(new NewVolume("ours", 1), ct),
            (v, ct) => cinder.DeleteVolumeAsync(v.Id, ct), TimeProvider.System, Ct);
        Assert.Equal("v7", found.Id);
        Assert.Single(_cloud.Asked(drop));
    }
}
