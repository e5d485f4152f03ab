// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Text;
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Api;

/// <summary>What was done for a key is not done again, and its answer is the same.</summary>
public sealed class IdempotencyKeyTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("lb-keys").FullName;
    private readonly ControllerDatabase _database;
    private readonly SetTime _time = new();

    public IdempotencyKeyTests() => _database = new SqliteDatabase(Path.Combine(_root, "controller.db"));

    public void Dispose()
    {
        _database.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public async Task The_same_request_gets_the_same_answer_and_is_done_once()
    {
        var keys = Keys();
        var done = 0;
        Task WorkAsync(HttpContext context)
        {
            context.Response.StatusCode = 201;
            context.Response.Headers.Location = $"/v1/things/{++done}";
            context.Response.ContentType = "application/json";
            return context.Response.WriteAsync($"{{\"number\":{done}}}", Ct);
        }
        var first = await AskAsync(keys, "k1", "{}", WorkAsync);
        // As another controller, or the same one after a restart.
        var again = await AskAsync(Keys(), "\"k1\"", "{}", WorkAsync);
        Assert.Equal((201, "{\"number\":1}", "/v1/things/1"), first);
        Assert.Equal(first, again);
        Assert.Equal(ReasonCode.KeyReused, (await RefusedByAsync(keys, "k1", "{\"a\":1}", WorkAsync)).Reason);
        Assert.Equal("{\"number\":2}", (await AskAsync(keys, "k2", "{}", WorkAsync)).Body);
        _time.Now += TimeSpan.FromHours(RecordRetention.Default.KeyHours) + TimeSpan.FromMinutes(1);
        Assert.Equal("{\"number\":3}", (await AskAsync(keys, "k1", "{}", WorkAsync)).Body);
    }

    [Fact]
    public async Task One_under_way_is_not_begun_a_second_time_until_nobody_is_at_it()
    {
        var (begun, end) = (new TaskCompletionSource(), new TaskCompletionSource());
        var first = AskAsync(Keys(), "k1", "{}", async _ =>
        {
            begun.SetResult();
            await end.Task;
        });
        await begun.Task;
        _time.Now += TimeSpan.FromSeconds(1);
        var other = Keys();
        Assert.Equal(ReasonCode.RequestUnderWay,
            (await RefusedByAsync(other, "k1", "{}", _ => Task.CompletedTask)).Reason);
        end.SetResult();
        await first;

        Left("k2", "{}");
        Assert.Equal(ReasonCode.RequestUnderWay,
            (await RefusedByAsync(other, "k2", "{}", _ => Task.CompletedTask)).Reason);
        _time.Now += IdempotencyKeys.StaleAfter + TimeSpan.FromSeconds(1);
        var done = 0;
        await AskAsync(other, "k2", "{}", _ => Task.FromResult(++done));
        await AskAsync(other, "k2", "{}", _ => Task.FromResult(++done));
        Assert.Equal(1, done);
    }

    [Fact]
    public async Task What_was_refused_may_be_tried_again()
    {
        var refusals = 2;
        Task WorkAsync(HttpContext context) => refusals-- > 0
            ? throw new ProblemException(ReasonCode.AgentUnreachable, "not now") : Task.CompletedTask;
        for (var i = 0; i < 2; i++) await RefusedByAsync(Keys(), "k1", "{}", WorkAsync);
        Assert.Equal(200, (await AskAsync(Keys(), "k1", "{}", WorkAsync)).Status);
    }

    [Theory]
    [InlineData("two words")]
    [InlineData("\u00e4")]
    public async Task A_key_that_is_none_is_a_fault(string key) =>
        Assert.Single((await RefusedByAsync(Keys(), key, "{}", _ => Task.CompletedTask)).Faults!);

    [Fact]
    public async Task A_run_whose_answer_was_lost_is_found_again_by_its_key()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        using var http = new HttpClient(UnixSocketHttp.Handler(sites.B.Paths.ControllerSocket));
        async Task<(HttpStatusCode, string?)> StartAsync()
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "http://controller/v1/groups/shop/runs")
            {
                Content = new StringContent("{\"kind\":\"test-failover\"}", Encoding.UTF8, "application/json"),
            };
            request.Headers.Add(RequestKey.Header, "drill-1");
            using var answer = await http.SendAsync(request, Ct);
            return (answer.StatusCode, answer.Headers.Location?.ToString());
        }
        var first = await StartAsync();
        Assert.Equal(HttpStatusCode.Accepted, first.Item1);
        Assert.Equal(first, await StartAsync());
        // The controller died when the run was there and its answer was not kept yet.
        await sites.B.StopControllerAsync();
        using (var database = new SqliteDatabase(sites.B.Paths.ControllerDatabase))
        using (var connection = database.Open())
            Assert.Equal(1, connection.Execute(
                "UPDATE request_keys SET status = 0, holder = 'gone', touched_at = touched_at - 60000"));
        await sites.B.StartControllerAsync();
        Assert.Equal(first, await StartAsync());
        Assert.Single(await sites.B.Client.RunsAsync("shop", Ct));
    }

    [Fact]
    public async Task The_same_request_about_another_tenant_is_another_request()
    {
        static Task DoneAsync(HttpContext context) => context.Response.WriteAsync("done", Ct);
        Assert.Equal("done", (await AskAsync(Keys(), "k1", "{}", DoneAsync)).Body);
        var other = Context("k1", "{}");
        new Caller(Identity.Local, "acme", "unix", "r2").Keep(other);
        Assert.Equal(ReasonCode.KeyReused, (await Assert.ThrowsAsync<ProblemException>(
            () => Keys().HandleAsync(other, () => DoneAsync(other)))).Reason);
    }

    [Fact]
    public void A_database_that_is_away_ends_no_process_that_says_that_it_is_still_at_it()
    {
        using var away = new AwayDatabase();
        // On a timer's thread nobody would catch it.
        new IdempotencyKeys(new RequestKeyStore(away), RecordRetention.Default, _time,
            NullLogger<IdempotencyKeys>.Instance).Touch("local", "k");
    }

    [Fact]
    public async Task The_client_says_a_change_again_when_the_controller_ended_over_it()
    {
        var wire = new Losing();
        using var client = new ControllerClient(wire, new Uri("http://controller/"));
        await client.DeleteGroupAsync("shop", Ct);
        Assert.Equal(3, wire.Keys.Count);
        Assert.Single(wire.Keys.Distinct());
    }

    private IdempotencyKeys Keys() =>
        new(new RequestKeyStore(_database), RecordRetention.Default, _time, NullLogger<IdempotencyKeys>.Instance);

    private void Left(string key, string body)
    {
        var context = Context(key, body);
        Assert.True(new RequestKeyStore(_database).TryBegin("local", key, IdempotencyKeys.Fingerprint(
            context.Request, null), "gone", _time.Now));
    }

    private static async Task<(int Status, string Body, string? Location)> AskAsync(IdempotencyKeys keys, string key,
        string body, Func<HttpContext, Task> work)
    {
        var context = Context(key, body);
        var answer = new MemoryStream();
        context.Response.Body = answer;
        await keys.HandleAsync(context, () => work(context));
        return (context.Response.StatusCode, Encoding.UTF8.GetString(answer.ToArray()),
            context.Response.Headers.Location);
    }

    private static Task<ProblemException> RefusedByAsync(IdempotencyKeys keys, string key, string body,
        Func<HttpContext, Task> work) =>
        Assert.ThrowsAsync<ProblemException>(() => AskAsync(keys, key, body, work));

    private static DefaultHttpContext Context(string key, string body)
    {
        var context = new DefaultHttpContext();
        (context.Request.Method, context.Request.Path) = ("POST", "/v1/things");
        new Caller(Identity.Local, null, "unix", "r1").Keep(context);
        context.Request.Headers[RequestKey.Header] = key;
        var bytes = new MemoryStream();
        bytes.Write(Encoding.UTF8.GetBytes(body));
        bytes.Position = 0;
        context.Request.Body = bytes;
        return context;
    }

    private sealed class SetTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }

    /// <summary>Takes the first request and dies, is away for the second, answers the third.</summary>
    private sealed class Losing : HttpMessageHandler
    {
        public List<string> Keys { get; } = [];

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct)
        {
            Keys.Add(request.Headers.GetValues(RequestKey.Header).Single());
            return Keys.Count switch
            {
                1 => throw new HttpRequestException(HttpRequestError.ResponseEnded),
                2 => throw new HttpRequestException(HttpRequestError.ConnectionError),
                _ => Task.FromResult(new HttpResponseMessage(HttpStatusCode.NoContent)),
            };
        }
    }
}
