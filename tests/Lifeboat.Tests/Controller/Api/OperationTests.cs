// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Text;
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Api;

/// <summary>What takes long is asked for without waiting, and looked up afterwards.</summary>
public sealed class OperationTests
{
    [Fact]
    public async Task A_change_that_nobody_waits_for_leaves_its_answer()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.A, GroupState.Protected);
        var begun = await BeginAsync(sites.A, "v1/groups/shop/points", "{\"quiesce\":false,\"label\":\"x\"}");
        var ended = await EndAsync(sites.A, begun);
        Assert.Equal((OperationState.Succeeded, "POST /v1/groups/shop/points", "/v1/groups/shop/points"),
            (ended.State, ended.Request, ended.Result));
        Assert.NotEqual(default, ended.Answer!.Value.GetProperty("point").GetProperty("id").GetGuid());
        Assert.Equal(begun.Id, Assert.Single(await sites.A.Client.OperationsAsync(Ct)).Id);

        var refused = await EndAsync(sites.A, await BeginAsync(sites.A, "v1/groups/nothing/scrub", null));
        Assert.Equal((OperationState.Failed, ReasonCode.GroupUnknown), (refused.State, refused.Problem!.Reason));
        // What is wrong with the request itself is said at once.
        using var wrong = await SendAsync(sites.A, "v1/groups/shop/points", "{\"quiesce\":3}");
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
    }

    [Fact]
    public async Task A_run_is_an_operation_too()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        var run = await sites.RunAsync(sites.B, RunKind.TestFailover);
        var operation = await sites.B.Client.OperationAsync(run.Id, Ct);
        Assert.Equal((OperationState.Succeeded, 1.0, $"/v1/runs/{run.Id}"),
            (operation.State, operation.Progress, operation.Result));
        await RefusedAsync(ReasonCode.OperationUnknown, () => sites.B.Client.OperationAsync(Guid.NewGuid(), Ct));
    }

    [Fact]
    public async Task One_that_its_controller_ended_over_is_lost_and_said_to_be()
    {
        await using var site = await TestSite.StartAsync("a", new());
        var ended = await EndAsync(site, await BeginAsync(site, "v1/groups/nothing/scrub", null));
        using (var database = new SqliteDatabase(site.Paths.ControllerDatabase))
        {
            var store = new OperationStore(database);
            var kept = store.Find(ended.Id)!;
            store.Save(kept with { Operation = kept.Operation with { State = OperationState.Running } });
            using var connection = database.Open();
            connection.Execute("UPDATE operations SET touched_at = touched_at - 60000");
        }
        Assert.Equal(OperationState.Lost, (await site.Client.OperationAsync(ended.Id, Ct)).State);
    }

    private static async Task<Operation> BeginAsync(TestSite site, string path, string? body)
    {
        using var answer = await SendAsync(site, path, body);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal("respond-async", answer.Headers.GetValues("Preference-Applied").Single());
        return await site.Client.OperationAsync(Guid.Parse(answer.Headers.Location!.ToString().Split('/')[^1]), Ct);
    }

    private static async Task<Operation> EndAsync(TestSite site, Operation operation)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (operation.State is OperationState.Running)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(since) < TimeSpan.FromSeconds(20), "it does not end");
            await Task.Delay(50, Ct);
            operation = await site.Client.OperationAsync(operation.Id, Ct);
        }
        return operation;
    }

    private static async Task<HttpResponseMessage> SendAsync(TestSite site, string path, string? body)
    {
        using var http = new HttpClient(UnixSocketHttp.Handler(site.Paths.ControllerSocket));
        using var request = new HttpRequestMessage(HttpMethod.Post, "http://controller/" + path);
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        request.Headers.Add("Prefer", "respond-async");
        return await http.SendAsync(request, Ct);
    }
}
