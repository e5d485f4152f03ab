// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Backups;
using Lifeboat.Controller.Groups;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Projects;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>
/// `/peer/v1`: what the controller of a paired site may ask; the other end of PeerSide. A peer reaches only groups
/// between it and this site, and instances only as members of them.
/// </summary>
internal sealed class PeerEndpoints(LocalSide here, GroupStore groups, BootFiles boot,
    CertificateRotation certificates, Exchange exchange, PolicyLevelling policies, BackupMover mover,
    ProjectCatalog projects)
{
    private const string Group = "/peer/v1/groups/{group}";

    public void Map(IEndpointRouteBuilder routes)
    {
        MapExchange(routes);
        MapGroup(routes);
        MapSource(routes);
        MapReplica(routes);
        MapInstances(routes);
    }

    private void MapExchange(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/peer/v1/exchange", (HttpContext http, GroupExchange theirs, CancellationToken ct) =>
            exchange.AnswerAsync(RequestGate.Peer(http), theirs, ct));
        routes.MapPost("/peer/v1/policies", (HttpContext http, PolicyExchange theirs) =>
            policies.Answer(RequestGate.Peer(http), theirs));
        routes.MapGet("/peer/v1/project", (HttpContext http, CancellationToken ct) =>
        {
            RequestGate.Peer(http);
            return projects.TellAsync(ct);
        });
        routes.MapGet("/peer/v1/statuses", (HttpContext http, CancellationToken ct) =>
            here.StatusesAsync(RequestGate.Peer(http), ct));
        routes.MapPut("/peer/v1/trust", (HttpContext http, TrustNotice notice) =>
        {
            certificates.Accept(RequestGate.Peer(http), notice);
            return Results.NoContent();
        });
        routes.MapGet("/peer/v1/boot/{digest}", (string digest) => boot.State(digest));
        routes.MapPut("/peer/v1/boot/{digest}", async (HttpContext http, string digest, long offset, bool last,
            CancellationToken ct) =>
        {
            http.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize =
                BootFiles.ChunkBytes;
            await boot.ReceiveAsync(digest, offset, last, http.Request.Body, ct);
            return Results.NoContent();
        });
    }

    private void MapGroup(IEndpointRouteBuilder routes)
    {
        routes.MapGet(Group, (HttpContext http, string group) => Shared(http, group));
        routes.MapPut(Group, (HttpContext http, string group, GroupDefinition definition, CancellationToken ct) =>
            DoneAsync(() => here.SetGroupAsync(Allowed(http, group, definition), ct)));
        routes.MapPost(Group + "/remove", (HttpContext http, string group, GroupDefinition removed,
            CancellationToken ct) => DoneAsync(() => here.LearnRemovalAsync(Allowed(http, group, removed), ct)));
    }

    private void MapSource(IEndpointRouteBuilder routes)
    {
        routes.MapPost(Group + "/source/start", (HttpContext http, string group, CancellationToken ct) =>
            DoneAsync(() => here.StartSourceAsync(Name(http, group), ct)));
        routes.MapPost(Group + "/source/stop", (HttpContext http, string group, CancellationToken ct) =>
            DoneAsync(() => here.StopSourceAsync(Name(http, group), ct)));
        routes.MapGet(Group + "/source", async (HttpContext http, string group, CancellationToken ct) =>
            await here.SourceAsync(Name(http, group), ct) ?? throw None(group, "source"));
        routes.MapPost(Group + "/checkpoints", (HttpContext http, string group, CheckpointRequest request,
            CancellationToken ct) => here.CheckpointAsync(Name(http, group), request, ct));
    }

    private void MapReplica(IEndpointRouteBuilder routes)
    {
        routes.MapPut(Group + "/replica", (HttpContext http, string group, AcceptReplicaRequest request,
            CancellationToken ct) =>
            DoneAsync(() => here.AcceptReplicaAsync(Name(http, group), request, ct)));
        routes.MapPut(Group + "/kept/{pin}", (HttpContext http, string group, string pin, CancellationToken ct) =>
            here.AcceptKeepingAsync(Name(http, group), pin, ct));
        routes.MapPost(Group + "/kept/{pin}/view", (HttpContext http, string group, string pin,
            CancellationToken ct) => here.OpenKeptAsync(Name(http, group), pin, ct));
        routes.MapPut(Group + "/backups/{point:guid}", (HttpContext http, string group, Guid point,
            BackupPoint theirs, CancellationToken ct) => DoneAsync(() => theirs.Point.Id == point
                ? mover.ReceiveAsync(RequestGate.Peer(http), Name(http, group), theirs, ct)
                : throw new ProblemException(ReasonCode.InvalidRequest, $"the point is {theirs.Point.Id}")));
        routes.MapDelete(Group + "/backups/{point:guid}", (HttpContext http, string group, Guid point,
            CancellationToken ct) =>
            DoneAsync(() => mover.DropAsync(RequestGate.Peer(http), Name(http, group), point, ct)));
        routes.MapGet(Group + "/changes", (HttpContext http, string group, CancellationToken ct) =>
            here.ChangesAsync(Name(http, group), ct));
        routes.MapDelete(Group + "/replica", (HttpContext http, string group, CancellationToken ct) =>
            DoneAsync(() => here.DropReplicaAsync(Name(http, group), ct)));
        routes.MapGet(Group + "/replica", async (HttpContext http, string group, CancellationToken ct) =>
            await here.ReplicaAsync(Name(http, group), ct) ?? throw None(group, "replica"));
        routes.MapGet(Group + "/points", (HttpContext http, string group, CancellationToken ct) =>
            here.PointsAsync(Name(http, group), ct));
        routes.MapPost(Group + "/pins", (HttpContext http, string group, PinRequest request, CancellationToken ct) =>
            DoneAsync(() => here.PinAsync(Name(http, group), request, ct)));
        routes.MapDelete(Group + "/pins/{pin}", (HttpContext http, string group, string pin, CancellationToken ct) =>
            DoneAsync(() => here.UnpinAsync(Name(http, group), pin, ct)));
    }

    private void MapInstances(IEndpointRouteBuilder routes)
    {
        const string instance = Group + "/instances/{name}";
        routes.MapGet(Group + "/runs", async (HttpContext http, string group, CancellationToken ct) =>
            new RunsAnswer(await here.RunsAsync(Name(http, group), ct)));
        routes.MapPost(instance + "/shut-down", (HttpContext http, string group, string name, ShutDownRequest request,
            CancellationToken ct) =>
            DoneAsync(() => here.ShutDownAsync(Name(http, group), name, request.Limit, ct)));
        routes.MapPost(instance + "/restart", (HttpContext http, string group, string name, CancellationToken ct) =>
            DoneAsync(() => here.RestartAsync(Name(http, group), name, ct)));
        routes.MapPost(instance + "/stop", (HttpContext http, string group, string name, CancellationToken ct) =>
            DoneAsync(() => here.StopAsync(Name(http, group), name, ct)));
    }

    private GroupRecord Shared(HttpContext http, string group)
    {
        var peer = RequestGate.Peer(http);
        return groups.Find(group) is { } record
            && (record.Definition.PrimarySite == peer || record.Definition.RecoverySite == peer)
            ? record
            : throw new ProblemException(ReasonCode.GroupUnknown, $"site {here.Name} has no group {group} with {peer}");
    }

    private string Name(HttpContext http, string group) => Shared(http, group).Definition.Name;

    private GroupDefinition Allowed(HttpContext http, string group, GroupDefinition definition)
    {
        if (definition.Name != group)
            throw new ProblemException(ReasonCode.InvalidRequest, $"the definition is of {definition.Name}");
        var problems = definition.Problems().ToList();
        if (problems.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, $"group {group} has faults", null, problems);
        here.ThrowUnlessShared(RequestGate.Peer(http), definition);
        return definition;
    }

    private static async Task<IResult> DoneAsync(Func<Task> work)
    {
        await work();
        return Results.NoContent();
    }

    private ProblemException None(string group, string what) =>
        new(ReasonCode.GroupUnknown, $"site {here.Name} has no {what} of group {group}");
}
