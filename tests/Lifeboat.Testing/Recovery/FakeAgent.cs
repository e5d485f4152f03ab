// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection.Links;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Lifeboat.Testing.Recovery;

/// <summary>An <see cref="AgentDouble"/> behind the agent's API on a unix socket: no data path, real HTTP.</summary>
public static class FakeAgent
{
    public static async Task<WebApplication> StartAsync(AgentDouble agent, string socket,
        ConcurrentQueue<string>? requests = null)
    {
        File.Delete(socket);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.ListenUnixSocket(socket));
        builder.Services.AddRouting();
        builder.Services.ConfigureHttpJsonOptions(o => ContractJson.Configure(o.SerializerOptions));
        var app = builder.Build();
        app.Use(AnswerAsync);
        app.Use((context, next) =>
        {
            if (context.Request.Headers[RequestTrace.Header] is [{ } id]) requests?.Enqueue(id);
            return next(context);
        });
        app.UseRouting();
        MapSources(app, agent);
        MapReplicas(app, agent);
        MapLinks(app);
        MapCuts(app, agent);
        MapHolds(app, agent);
        await app.StartAsync();
        return app;
    }

    private static void MapLinks(WebApplication app)
    {
        var links = new ConcurrentDictionary<string, LinkSettings>();
        LinkStatus Status(string peer) => new(peer, links.GetValueOrDefault(peer, LinkSettings.Default), null, 0);
        app.MapGet("/v1/links/{peer}", Status);
        app.MapPut("/v1/links/{peer}", (string peer, LinkSettings settings) =>
        {
            links[peer] = settings;
            return Status(peer);
        });
    }

    private static void MapHolds(WebApplication app, AgentDouble agent)
    {
        app.MapPost("/v1/quiesces", (HoldRequest request) => Locked(agent, () => agent.Hold(request)));
        app.MapPost("/v1/quiesces/thaw", (ReleaseRequest request) => Locked(agent, () => agent.Release(request)));
    }

    private static void MapCuts(WebApplication app, AgentDouble agent)
    {
        app.MapPost("/v1/cuts", (SharedCutRequest request) => Locked(agent, () => agent.ReserveCut(request)));
        app.MapPost("/v1/cuts/{cut:guid}/hold", () => Results.NoContent());
        app.MapPost("/v1/cuts/{cut:guid}/cut", (Guid cut) => Locked(agent, () => agent.CutShared(cut)));
        app.MapPost("/v1/cuts/{cut:guid}/settle", (Guid cut, SettleRequest request) =>
            Locked(agent, () => agent.SettleCut(cut, request.Agreed)));
        app.MapPost("/v1/sources/{group}/points/{point:guid}/sealed", (string group, Guid point) =>
            Locked(agent, () => agent.IsSealed(group, point)));
    }

    private static async Task AnswerAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (ProblemException e)
        {
            context.Response.StatusCode = ProblemStatus.Of(e.Reason);
            await context.Response.WriteAsJsonAsync(
                new Problem(e.Message, context.Response.StatusCode, e.Detail, e.Reason, e.Errors),
                ContractJson.Options);
        }
    }

    private static void MapSources(WebApplication app, AgentDouble agent)
    {
        app.MapGet("/v1/agent", () => Locked(agent, agent.Status));
        app.MapGet("/v1/sources", () => Locked(agent, agent.Sources));
        app.MapPut("/v1/sources/{group}", (SourceSpec spec) => Locked(agent, () => agent.PutSource(spec)));
        app.MapGet("/v1/sources/{group}", (string group) => Locked(agent, () => agent.GetSource(group)));
        app.MapDelete("/v1/sources/{group}", (string group) => Locked(agent, () => agent.DeleteSource(group)));
        app.MapPost("/v1/sources/{group}/hand-over", (string group) => Locked(agent, () => agent.HandOver(group)));
        app.MapPost("/v1/sources/{group}/take-over", (TakeOver request) =>
            Locked(agent, () => agent.TakeOver(request)));
        app.MapPost("/v1/sources/{group}/checkpoints", (string group, CheckpointRequest request) =>
            Locked(agent, () => agent.Checkpoint(group, request)));
    }

    private static void MapReplicas(WebApplication app, AgentDouble agent)
    {
        app.MapPost("/v1/seeds/{group}/verify", () => Locked(agent, () => agent.Seed!));
        const string replica = "/v1/replicas/{group}";
        app.MapGet("/v1/replicas", () => Locked(agent, agent.Replicas));
        app.MapPut(replica, (ReplicaSpec spec) => Locked(agent, () => agent.PutReplica(spec)));
        app.MapGet(replica, (string group) => Locked(agent, () => agent.GetReplica(group)));
        app.MapDelete(replica, (string group) => Locked(agent, () => agent.DeleteReplica(group)));
        app.MapPut(replica + "/kept", (ReplicaSpec spec) => Locked(agent, () => agent.Keep(spec)));
        app.MapGet(replica + "/kept", (string group) => Locked(agent, () => agent.Kept(group)));
        app.MapDelete(replica + "/kept", (string group) => Locked(agent, () => agent.DeleteKept(group)));
        app.MapGet(replica + "/points", (string group) => Locked(agent, () => agent.Points(group)));
        app.MapPost("/v1/changes", (ChangeMapRequest request) => Locked(agent, () => agent.Changes(request)));
        app.MapPost(replica + "/compare", (string group, CompareRequest request) =>
            Locked(agent, () => agent.Compare(group, request)));
        app.MapPost(replica + "/epoch", (string group, EpochRequest request) =>
            Locked(agent, () => agent.RaiseEpoch(group, request.Epoch, request.Moves)));
        app.MapPost(replica + "/pins", (string group, PinRequest request) =>
            Locked(agent, () => agent.Pin(group, request)));
        app.MapDelete(replica + "/pins/{name}", (string group, string name) =>
            Locked(agent, () => agent.Unpin(group, name)));
        app.MapPost(replica + "/views", (string group, ViewRequest request) =>
            Locked(agent, () => agent.OpenView(group, request)));
        app.MapDelete(replica + "/views/{name}", (string group, string name) =>
            Locked(agent, () => agent.CloseView(group, name)));
    }

    // The doubles of both sites know each other and are made for one thread.
    private static readonly Lock World = new();

    private static T Locked<T>(AgentDouble _, Func<T> work)
    {
        lock (World) return work();
    }

    private static IResult Locked(AgentDouble _, Action work)
    {
        lock (World) work();
        return Results.NoContent();
    }
}
