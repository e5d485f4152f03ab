// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Http.Json;
using System.Text;
using Lifeboat.Contracts;
using Lifeboat.Protection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Api;

/// <summary>A request is told all of its faults, each with its place.</summary>
public sealed class RequestFaultTests : IAsyncLifetime
{
    private TestSite _site = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _site = await TestSite.StartAsync("a", new());
        _http = new HttpClient(UnixSocketHttp.Handler(_site.Paths.ControllerSocket))
        {
            BaseAddress = new Uri("http://controller/"),
        };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _site.DisposeAsync();
    }

    [Fact]
    public async Task Ten_faults_of_a_body_are_ten()
    {
        var problem = await RefusedAsync(HttpStatusCode.BadRequest, Post("v1/groups?colour=red", """
            {"name": 7, "members": [{"instance": "db1", "bootOrder": "first"}, {"kind": "borrowed"}, null],
             "policy": {"rpoTarget": "soon", "onQuiesceFailure": null, "a/b~": 1},
             "checks": "tcp:1", "suspend": {"reason": "x", "for": "01:00:00", "Reason": "y"}}
            """));
        Assert.Equal(
        [
            "#/checks", "#/members/0/bootOrder", "#/members/1/instance", "#/members/1/kind", "#/members/2",
            "#/name", "#/policy/a~1b~0", "#/policy/onQuiesceFailure", "#/policy/rpoTarget", "#/recoverySite",
            "#/suspend/Reason", "colour",
        ], problem.Faults!.Select(f => f.Pointer ?? f.Parameter!).Order(StringComparer.Ordinal));
        Assert.Equal(problem.Faults!.Count, problem.Errors!.Count);
        Assert.Equal(ReasonCode.InvalidRequest, problem.Reason);
        Assert.Contains("must be one of replicated",
            problem.Faults.Single(f => f.Pointer == "#/members/1/kind").Detail);
        Assert.Empty(await _site.Client.GroupsAsync(Ct));
    }

    [Theory]
    [InlineData("{\"token\": ", "line 1, byte 11")]
    [InlineData("{\n  \"token\": tru }", "line 2, byte 15")]
    [InlineData("", "missing")]
    [InlineData("[]", "must be an object")]
    [InlineData("null", "must not be null")]
    public async Task What_is_no_JSON_is_told_where(string body, string where)
    {
        var problem = await RefusedAsync(HttpStatusCode.BadRequest, Post("v1/site/pair", body));
        Assert.Contains(where, Assert.Single(problem.Faults!).Detail);
    }

    [Fact]
    public async Task A_wrong_method_is_told_the_right_ones()
    {
        using var answer = await _http.PutAsync("v1/groups", null, Ct);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(["GET", "POST"], answer.Content.Headers.Allow.Order(StringComparer.Ordinal));
        Assert.Equal(ReasonCode.MethodNotAllowed, (await ProblemAsync(answer)).Reason);
    }

    [Fact]
    public async Task A_path_that_is_not_there_is_not_found()
    {
        var problem = await RefusedAsync(HttpStatusCode.NotFound, new(HttpMethod.Get, "v1/nothing"));
        Assert.Equal(ReasonCode.PathUnknown, problem.Reason);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData(null)]
    public async Task Another_media_type_is_refused(string? type)
    {
        var content = new ByteArrayContent("{\"token\":\"x\"}"u8.ToArray());
        if (type is not null) content.Headers.ContentType = new(type);
        var problem = await RefusedAsync(HttpStatusCode.UnsupportedMediaType,
            new(HttpMethod.Post, "v1/site/pair") { Content = content });
        Assert.Equal(ReasonCode.MediaTypeUnsupported, problem.Reason);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_beyond_the_limit_is_refused_as_such(bool chunked)
    {
        var request = Post("v1/site/pair", $"{{\"token\":\"{new string('x', 1 << 20)}\"}}");
        request.Headers.TransferEncodingChunked = chunked;
        // Refused by its length alone: one that still sends sees a broken pipe now and then instead of the answer.
        request.Headers.ExpectContinue = true;
        var problem = await RefusedAsync(HttpStatusCode.RequestEntityTooLarge, request);
        Assert.Equal(ReasonCode.RequestTooLarge, problem.Reason);
    }

    [Fact]
    public async Task What_the_client_sends_itself_has_no_faults()
    {
        // Every optional field left out, as the client leaves nulls out.
        var problem = await RefusedAsync(HttpStatusCode.NotFound, Post("v1/groups/nothing/policy", "{}", "PATCH"));
        Assert.Equal(ReasonCode.GroupUnknown, problem.Reason);
    }

    private static HttpRequestMessage Post(string path, string body, string method = "POST") =>
        new(new HttpMethod(method), path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    private async Task<Problem> RefusedAsync(HttpStatusCode status, HttpRequestMessage request)
    {
        using (request)
        {
            using var answer = await _http.SendAsync(request, Ct);
            Assert.Equal(status, answer.StatusCode);
            return await ProblemAsync(answer);
        }
    }

    private static async Task<Problem> ProblemAsync(HttpResponseMessage answer)
    {
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        var problem = (await answer.Content.ReadFromJsonAsync<Problem>(ContractJson.Options, Ct))!;
        Assert.Equal(answer.Headers.GetValues(RequestTrace.Header).Single(), problem.RequestId);
        return problem;
    }
}
