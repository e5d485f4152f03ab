// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>Users, their tokens and what they may do, over TLS as they use it.</summary>
public sealed class AccessTests
{
    private const string Password = "correct horse battery";
    private static readonly HttpMethod Get = HttpMethod.Get, Post = HttpMethod.Post, Put = HttpMethod.Put;

    [Fact]
    public async Task A_user_signs_in_makes_a_token_and_loses_it()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        using var http = new TokenHttp(sites.A);
        var admin = await http.UserAsync("root", null, [.. RoleRights.All]);
        await http.AskAsync<UserInfo>(Post, "/v1/users", admin,
            new CreateUserRequest { Name = "anna", Roles = [Role.Operator], Password = Password });
        var signIn = new CreateApiTokenRequest { User = "anna", Password = Password, Label = "laptop" };
        var made = await http.AskAsync<ApiTokenMade>(Post, "/v1/tokens", null, signIn);

        var caller = await http.AskAsync<CallerInfo>(Get, "/v1/caller", made.Token);
        Assert.Equal(("anna", "token", null), (caller.Name, caller.Means, caller.Tenant));
        Assert.Equal(RoleRights.Of(Role.Operator), caller.Rights);
        Assert.Equal("a", (await http.AskAsync<SiteInfo>(Get, "/v1/site", made.Token)).Name);
        var listed = Assert.Single(await http.AskAsync<List<ApiTokenInfo>>(Get, "/v1/tokens", made.Token));
        Assert.Equal(("laptop", "127.0.0.1"), (listed.Label, listed.LastUsedFrom));
        Assert.NotNull(listed.LastUsedAt);
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, Get, "/v1/users", made.Token);

        // Nobody sees another's tokens but who administers them.
        var other = await http.UserAsync("bob", null, Right.View);
        await http.RefusedAsync(HttpStatusCode.NotFound, ReasonCode.TokenUnknown, HttpMethod.Delete,
            $"/v1/tokens/{made.Info.Id}", other);
        await http.AskAsync<string>(HttpMethod.Delete, $"/v1/tokens/{made.Info.Id}", made.Token);
        await http.RefusedAsync(HttpStatusCode.Unauthorized, ReasonCode.TokenExpired, Get, "/v1/site", made.Token);
        await using var connection = sites.A.Services.GetRequiredService<ControllerDatabase>().Open();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT group_concat(hash) || hex(group_concat(password)) FROM api_tokens, users";
        var kept = (string)command.ExecuteScalar()!;
        Assert.DoesNotContain(made.Token.Split('.')[2], kept, StringComparison.Ordinal);
        Assert.DoesNotContain("pbkdf2", kept, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_is_never_more_than_its_user_and_follows_what_the_user_loses()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        using var http = new TokenHttp(sites.A);
        var admin = await http.UserAsync("root", null, [.. RoleRights.All]);
        await http.AskAsync<UserInfo>(Post, "/v1/users", admin,
            new CreateUserRequest { Name = "ci", Roles = [Role.Member] });
        var made = await http.AskAsync<ApiTokenMade>(Post, "/v1/tokens", admin,
            new CreateApiTokenRequest { User = "ci", Rights = [Right.View, Right.Drill] });
        Assert.Equal([Right.View, Right.Drill],
            (await http.AskAsync<CallerInfo>(Get, "/v1/caller", made.Token)).Rights);
        // A token of few rights does not make one of more.
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, Post, "/v1/tokens", made.Token,
            new CreateApiTokenRequest());
        await http.AskAsync<ApiTokenMade>(Post, "/v1/tokens", made.Token,
            new CreateApiTokenRequest { Rights = [Right.View] });
        // Nor one that has more later: here it has all that its user has now.
        var whole = await http.AskAsync<ApiTokenMade>(Post, "/v1/tokens", admin,
            new CreateApiTokenRequest { User = "ci", Rights = [Right.View, Right.Change, Right.Drill] });
        var child = await http.AskAsync<ApiTokenMade>(Post, "/v1/tokens", whole.Token, new CreateApiTokenRequest());
        await http.AskAsync<UserInfo>(Post, "/v1/users/ci/grant", admin,
            new RightsRequest { Rights = [Right.Failover] });
        Assert.Equal([Right.View, Right.Change, Right.Drill],
            (await http.AskAsync<CallerInfo>(Get, "/v1/caller", child.Token)).Rights);

        await http.AskAsync<UserInfo>(Post, "/v1/users/ci/revoke", admin, new RightsRequest { Rights = [Right.Drill] });
        Assert.Equal([Right.View], (await http.AskAsync<CallerInfo>(Get, "/v1/caller", made.Token)).Rights);
        await http.AskAsync<UserInfo>(Post, "/v1/users/ci/grant", admin, new RightsRequest { Rights = [Right.Drill] });
        Assert.Equal(2, (await http.AskAsync<CallerInfo>(Get, "/v1/caller", made.Token)).Rights.Count);
        await http.AskAsync<string>(HttpMethod.Delete, "/v1/users/ci", admin);
        await http.RefusedAsync(HttpStatusCode.Unauthorized, ReasonCode.TokenExpired, Get, "/v1/caller", made.Token);
    }

    [Fact]
    public async Task Nobody_gives_what_they_do_not_have()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        using var http = new TokenHttp(sites.A);
        var some = await http.UserAsync("some", null, Right.View, Right.Change, Right.Drill, Right.Administer);
        await http.UserAsync("strong", null, Right.Failover);
        Task Refused(string path, object body, HttpMethod? method = null) => http.RefusedAsync(
            HttpStatusCode.Forbidden, ReasonCode.NotAllowed, method ?? Post, path, some, body);
        await Refused("/v1/users", new CreateUserRequest { Name = "x", Roles = [Role.Admin] });
        await Refused("/v1/users", new CreateUserRequest { Name = "x", Rights = [Right.Audit] });
        await Refused("/v1/users/some/grant", new RightsRequest { Roles = [Role.Manager] });
        await Refused("/v1/users/strong/password", new PasswordRequest(Password), Put);
        await Refused("/v1/tokens", new CreateApiTokenRequest { User = "strong" });
        await Refused("/v1/users/strong/revoke", new RightsRequest { Rights = [Right.Failover] });
        await http.AskAsync<UserInfo>(Post, "/v1/users", some,
            new CreateUserRequest { Name = "x", Roles = [Role.Member] });
        await http.RefusedAsync(HttpStatusCode.BadRequest, ReasonCode.InvalidRequest, Post, "/v1/users", some,
            new CreateUserRequest { Name = "No Name", Roles = [(Role)77], Rights = [(Right)78] });
        await http.RefusedAsync(HttpStatusCode.BadRequest, ReasonCode.InvalidRequest, Post, "/v1/users", some,
            new CreateUserRequest { Name = "y", Password = "short" });
    }

    [Fact]
    public async Task Guessing_a_password_is_slowed_down_and_does_not_lock_its_owner_out_elsewhere()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        using var http = new TokenHttp(sites.A);
        var users = sites.A.Services.GetRequiredService<UserStore>();
        users.TryAdd(new StoredUser("", "anna", [Role.Member], [], [], DateTimeOffset.UnixEpoch),
            PasswordHash.Of(Password));
        for (var i = 0; i < 5; i++)
        {
            await http.RefusedAsync(HttpStatusCode.Unauthorized, ReasonCode.NotAuthenticated, Post, "/v1/tokens", null,
                new CreateApiTokenRequest { User = i % 2 == 0 ? "anna" : "nobody", Password = $"wrong password {i}" });
        }
        // Each user was guessed at less than five times from here; two more and it waits, right password or not.
        foreach (var guess in new[] { "wrong again, anna", "and wrong again" })
            await http.RefusedAsync(HttpStatusCode.Unauthorized, ReasonCode.NotAuthenticated, Post, "/v1/tokens", null,
                new CreateApiTokenRequest { User = "anna", Password = guess });
        await http.RefusedAsync(HttpStatusCode.TooManyRequests, ReasonCode.TooManyTries, Post, "/v1/tokens", null,
            new CreateApiTokenRequest { User = "anna", Password = Password });
        var tokens = sites.A.Services.GetRequiredService<ApiTokens>();
        Assert.Equal("anna", (await tokens.SignInAsync("", "anna", Password, "10.9.8.7", Ct)).Name);
    }

    [Fact]
    public async Task A_stranger_fills_no_memory_with_names_that_are_none()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        using var http = new TokenHttp(sites.A);
        for (var i = 0; i < 5; i++)
            await http.RefusedAsync(HttpStatusCode.Unauthorized, ReasonCode.NotAuthenticated, Post, "/v1/tokens", null,
                new CreateApiTokenRequest { User = new string('x', 100_000 + i), Password = "wrong password" });
        // All of them were one and the same nobody.
        await http.RefusedAsync(HttpStatusCode.TooManyRequests, ReasonCode.TooManyTries, Post, "/v1/tokens", null,
            new CreateApiTokenRequest { User = "No Name", Password = "wrong password" });
    }

    [Fact]
    public async Task The_trail_says_what_became_of_what_nobody_waited_for_and_of_what_a_run_is_about()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        using var http = new TokenHttp(sites.B);
        var boss = await http.UserAsync("boss", null, Right.View, Right.Change, Right.Drill, Right.Audit);
        var run = await http.AskAsync<RunInfo>(Post, "/v1/groups/shop/runs", boss,
            new StartRunRequest { Kind = RunKind.TestFailover, Hold = TimeSpan.FromHours(1) });
        var begun = Assert.Single(await http.AskAsync<List<AuditEvent>>(Get, "/v1/audit?limit=1", boss));
        // A run that was begun has deleted no definition.
        Assert.Equal((null, null, "test failover of shop"), (begun.Before, begun.After, begun.Detail));

        await http.AskAsync<string>(Post, $"/v1/runs/{run.Id}/cancel", boss);
        using var later = await http.SendAsync(Post, "/v1/groups/nothing/scrub", boss, (HttpContent?)null,
            "respond-async");
        Assert.Equal(HttpStatusCode.Accepted, later.StatusCode);
        List<AuditEvent> rows;
        var since = TimeProvider.System.GetTimestamp();
        do
        {
            rows = [.. (await http.AskAsync<List<AuditEvent>>(Get, "/v1/audit?limit=9", boss))
                .Where(e => e.Subject == "/v1/groups/nothing/scrub")];
            Assert.True(TimeProvider.System.GetElapsedTime(since) < TimeSpan.FromSeconds(20), "it is not in the trail");
        }
        while (rows.Count < 2);
        Assert.Equal(["accepted", "group-unknown"], rows.Select(e => e.Outcome).Order(StringComparer.Ordinal));
        Assert.Single(rows.Select(e => e.Request).Distinct());
    }

    [Fact]
    public async Task Who_lost_the_right_sees_no_more_of_a_run()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        using var http = new TokenHttp(sites.B);
        var eve = await http.UserAsync("eve", null, Right.View);
        var run = await sites.B.Client.StartRunAsync("shop",
            new StartRunRequest { Kind = RunKind.TestFailover, Hold = TimeSpan.FromHours(1) }, Ct);
        using var answer = await http.SendAsync(Get, $"/v1/runs/{run.Id}/events", eve);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(Ct));
        Assert.StartsWith("data:", await lines.ReadLineAsync(Ct), StringComparison.Ordinal);
        sites.B.Services.GetRequiredService<UserStore>().Remove("", "eve");
        await sites.B.Client.ReleaseRunAsync(run.Id, Ct);
        await foreach (var _ in sites.B.Client.WatchRunAsync(run.Id, Ct)) { }
        Assert.DoesNotContain("\"succeeded\",\"reason\"", await lines.ReadToEndAsync(Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_changed_is_in_the_trail_with_who_from_where_before_and_after()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        using var http = new TokenHttp(sites.A);
        var anna = await http.UserAsync("anna", null, Right.View, Right.Change);
        var auditor = await http.UserAsync("audrey", null, Right.Audit);
        await http.AskAsync<GroupInfo>(HttpMethod.Patch, "/v1/groups/shop/policy", anna,
            new PolicyChange { RpoTarget = TimeSpan.FromSeconds(44) });
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, HttpMethod.Delete, "/v1/groups/shop",
            anna);
        var events = await http.AskAsync<List<AuditEvent>>(Get, "/v1/audit?limit=3", auditor);
        Assert.Equal(("anna", "DELETE", "/v1/groups/shop", "not-allowed", "127.0.0.1"),
            (events[0].Actor, events[0].Action, events[0].Subject, events[0].Outcome, events[0].From));
        Assert.Equal(("anna", "PATCH", "ok"), (events[1].Actor, events[1].Action, events[1].Outcome));
        static string? Rpo(System.Text.Json.JsonElement? definition) =>
            definition!.Value.GetProperty("policy").GetProperty("rpoTarget").GetString();
        Assert.Equal(("00:00:15", "00:00:44"), (Rpo(events[1].Before), Rpo(events[1].After)));
        Assert.NotNull(events[1].Request);
        Assert.Equal(("local", "POST", "/v1/groups"), (events[2].Actor, events[2].Action, events[2].Subject));
        Assert.Equal("shop", events[2].After!.Value.GetProperty("name").GetString());
        var verdict = await http.AskAsync<AuditVerdict>(Get, "/v1/audit/verify", auditor);
        Assert.Null(verdict.Broken);
        // Strangers leave no line: they must not be able to push all others out.
        await http.RefusedAsync(HttpStatusCode.Unauthorized, ReasonCode.NotAuthenticated, HttpMethod.Delete,
            "/v1/groups/shop", null);
        Assert.Equal(verdict.Rows, (await http.AskAsync<AuditVerdict>(Get, "/v1/audit/verify", auditor)).Rows);
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, Get, "/v1/audit", anna);
    }

    [Fact]
    public async Task Each_kind_of_run_has_its_right()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        using var http = new TokenHttp(sites.B);
        var drills = await http.UserAsync("drills", null, Right.Drill);
        var moves = await http.UserAsync("moves", null, Right.Failover);
        Task Refused(RunKind kind, string token) => http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed,
            Post, "/v1/groups/shop/runs", token, new StartRunRequest { Kind = kind });
        await Refused(RunKind.Failover, drills);
        await Refused(RunKind.PlannedFailover, drills);
        await Refused(RunKind.TestFailover, moves);
        await Refused(RunKind.Failback, moves);
        await Refused(RunKind.Reprotect, moves);
        await Refused(RunKind.Resolve, moves);
        await http.RefusedAsync(HttpStatusCode.BadRequest, ReasonCode.InvalidRequest, Post, "/v1/groups/shop/runs",
            moves, new StartRunRequest { Kind = (RunKind)99 });
        var run = await http.AskAsync<RunInfo>(Post, "/v1/groups/shop/runs", drills,
            new StartRunRequest { Kind = RunKind.TestFailover, Hold = TimeSpan.FromHours(1) });
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, Post, $"/v1/runs/{run.Id}/cancel",
            moves);
        await http.AskAsync<RunInfo>(Post, $"/v1/runs/{run.Id}/cancel", drills);
    }

    [Fact]
    public void Every_reason_is_explained_where_exit_codes_are()
    {
        var text = File.ReadAllText(Path.Combine(Tidy.SourceTree.Root, "docs/operating/exit-codes.md"));
        foreach (var reason in Enum.GetValues<ReasonCode>())
            Assert.Contains($"| {(int)reason} | `{TokenHttp.Kebab(reason)}` |", text, StringComparison.Ordinal);
    }
}
