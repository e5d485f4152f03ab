// SPDX-License-Identifier: Apache-2.0
using System.Reflection;
using Lifeboat.Agent.Capture;
using Lifeboat.Agent.Linking;
using Lifeboat.Agent.Quiesce;
using Lifeboat.Agent.Replicas;
using Lifeboat.Agent.Sources;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection.Links;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Agent.Api;

/// <summary>The agent's HTTP interface on its unix socket; the client is Contracts' AgentClient.</summary>
internal static class AgentApi
{
    public static void Map(
        IEndpointRouteBuilder routes, SourceRoster sources, SharedCuts cuts, ReplicaRoster replicas,
        LinkBudgets links, SeedChecks seeds, ChangeLook look, HeldQuiesces quiesces, Func<AgentStatus> status)
    {
        var v1 = routes.MapGroup("/v1").AddEndpointFilter(Problems.FilterAsync);
        v1.MapGet("/agent", () => status());
        v1.MapGet("/health", () => status());
        v1.MapGet("/totals", () => sources.Totals());
        MapSources(v1, sources);
        MapVolumes(v1, sources);
        MapDomains(v1, sources);
        MapCuts(v1, cuts);
        MapReplicas(v1, replicas);
        MapViews(v1, replicas);
        MapSeeds(v1, sources, seeds);
        v1.MapGet("/links/{peer}", (string peer) => links.Status(peer));
        v1.MapPut("/links/{peer}", (string peer, LinkSettings settings, CancellationToken ct) =>
            links.PutAsync(peer, settings, ct));
        v1.MapGet("/quiesces", () => quiesces.Open());
        v1.MapPost("/quiesces", (HoldRequest request, CancellationToken ct) => quiesces.BeginAsync(request, ct));
        v1.MapPost("/quiesces/thaw", (ReleaseRequest request, CancellationToken ct) => quiesces.EndAsync(request, ct));
        v1.MapPost("/changes", (ChangeMapRequest request, CancellationToken ct) => look.LookAsync(request, ct));
    }

    public static readonly string Version = typeof(AgentApi).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    private static void MapSources(RouteGroupBuilder v1, SourceRoster sources)
    {
        v1.MapGet("/sources", () => sources.All().Select(s => s.Status()).ToList());
        var one = v1.MapGroup("/sources/{group}");
        one.MapGet("", (string group) => sources.Get(group).Status());
        one.MapPut("", (string group, SourceSpec spec, CancellationToken ct) =>
            sources.PutAsync(Problems.Named(spec, spec.Group, group), ct));
        one.MapPost("/hand-over", (string group, CancellationToken ct) => sources.HandOverAsync(group, ct));
        one.MapPost("/take-over", (string group, TakeOver request, CancellationToken ct) =>
            sources.TakeOverAsync(Problems.Named(request, request.Spec.Group, group), ct));
        one.MapDelete("", async (string group, bool? uninstall, CancellationToken ct) =>
        {
            await sources.DeleteAsync(group, uninstall ?? false, ct);
            return Results.NoContent();
        });
        one.MapPost("/checkpoints", (string group, CheckpointRequest request, CancellationToken ct) =>
            sources.Get(group).CheckpointAsync(request, ct));
        one.MapPost("/points/{point:guid}/sealed", (string group, Guid point, DrainRequest request,
            CancellationToken ct) => sources.Get(group).WaitSealedAsync(point, request.Limit, ct));
        one.MapPost("/digest", (string group, SourceDigestRequest request, CancellationToken ct) =>
            sources.Get(group).DigestAsync(request, ct));
        one.MapPost("/drain", async (string group, DrainRequest request, CancellationToken ct) =>
        {
            var source = sources.Get(group);
            await source.DrainAsync(request.Limit, ct);
            return source.Status();
        });
    }

    private static void MapVolumes(RouteGroupBuilder v1, SourceRoster sources)
    {
        var one = v1.MapGroup("/sources/{group}/volumes/{volume}");
        one.MapPost("/release", async (string group, string volume, ReleaseVolumeRequest request,
            CancellationToken ct) =>
        {
            await sources.Get(group).ReleaseVolumeAsync(volume, request, ct);
            return sources.Get(group).Status();
        });
        one.MapPost("/capture", (string group, string volume) =>
        {
            sources.Get(group).CaptureVolume(volume);
            return sources.Get(group).Status();
        });
        one.MapPost("/resize", async (string group, string volume, ResizeVolumeRequest request,
            CancellationToken ct) =>
        {
            await sources.Get(group).ResizeVolumeAsync(volume, request, ct);
            return sources.Get(group).Status();
        });
    }

    private static void MapDomains(RouteGroupBuilder v1, SourceRoster sources)
    {
        v1.MapPost("/domains/release", (DomainRelease request, CancellationToken ct) =>
            sources.ReleaseDomainAsync(request, ct));
        v1.MapPost("/domains/stand-back", (DomainRelease request, CancellationToken ct) =>
            sources.StandBackAsync(request, ct));
        v1.MapPost("/domains/capture", (DomainNames request) => sources.CaptureDomain(request));
    }

    private static void MapCuts(RouteGroupBuilder v1, SharedCuts cuts)
    {
        v1.MapPost("/cuts", async (SharedCutRequest request, CancellationToken ct) =>
        {
            await cuts.ReserveAsync(request, ct);
            return Results.NoContent();
        });
        var one = v1.MapGroup("/cuts/{cut:guid}");
        one.MapPost("/hold", (Guid cut) =>
        {
            cuts.Hold(cut);
            return Results.NoContent();
        });
        one.MapPost("/cut", (Guid cut, CancellationToken ct) => cuts.CutAsync(cut, ct));
        one.MapPost("/settle", (Guid cut, SettleRequest request) =>
        {
            cuts.Settle(cut, request);
            return Results.NoContent();
        });
    }

    private static void MapReplicas(RouteGroupBuilder v1, ReplicaRoster replicas)
    {
        v1.MapGet("/replicas", () => replicas.All().Select(r => r.Status()).ToList());
        var one = v1.MapGroup("/replicas/{group}");
        one.MapGet("", (string group) => replicas.Get(group).Status());
        one.MapPut("", (string group, ReplicaSpec spec, CancellationToken ct) =>
            replicas.PutAsync(Problems.Named(spec, spec.Group, group), ct));
        one.MapDelete("", async (string group, CancellationToken ct) =>
        {
            await replicas.DeleteAsync(group, ct);
            return Results.NoContent();
        });
        one.MapPut("/kept", (string group, ReplicaSpec spec, CancellationToken ct) =>
            replicas.KeepAsync(Problems.Named(spec, spec.Group, group), ct));
        one.MapGet("/kept", (string group) => replicas.Kept(group));
        one.MapDelete("/kept", async (string group, CancellationToken ct) =>
        {
            await replicas.DeleteKeptAsync(group, ct);
            return Results.NoContent();
        });
        one.MapGet("/points", (string group) => replicas.Points(group));
        one.MapPost("/points/{point:guid}/digest", (string group, Guid point, CancellationToken ct) =>
            replicas.Get(group).DigestAsync(point, ct));
        one.MapPost("/scrub", (string group) =>
        {
            var replica = replicas.Get(group);
            replica.Scrub();
            return replica.Status();
        });
        one.MapPost("/compare", (string group, CompareRequest request, CancellationToken ct) =>
            replicas.Get(group).CompareAsync(request, ct));
        one.MapPost("/epoch", async (string group, EpochRequest request, CancellationToken ct) =>
        {
            var replica = replicas.Get(group);
            await replica.RaiseEpochAsync(request.Epoch, request.Moves, ct);
            return replica.Status();
        });
        one.MapPost("/pins", async (string group, PinRequest request, CancellationToken ct) =>
        {
            await replicas.PinAsync(group, request, ct);
            return Results.NoContent();
        });
        one.MapDelete("/pins/{name}", async (string group, string name, CancellationToken ct) =>
        {
            await replicas.UnpinAsync(group, name, ct);
            return Results.NoContent();
        });
    }

    private static void MapSeeds(RouteGroupBuilder v1, SourceRoster sources, SeedChecks seeds)
    {
        v1.MapPost("/sources/{group}/seed", (string group, SeedRequest request, CancellationToken ct) =>
            sources.Get(group).ExportSeedAsync(request, ct));
        v1.MapPost("/seeds/{group}/verify", (string group, SeedRequest request, CancellationToken ct) =>
            seeds.VerifyAsync(group, request, ct));
        v1.MapGet("/seeds/{group}", (string group) => seeds.Progress(group)
            ?? (sources.Groups.Contains(group) ? sources.Get(group).Seeding : null)
            ?? new SeedProgress(SeedWork.None, default, 0, 0));
    }

    private static void MapViews(RouteGroupBuilder v1, ReplicaRoster replicas)
    {
        var views = v1.MapGroup("/replicas/{group}/views");
        views.MapPost("", (string group, ViewRequest request, CancellationToken ct) =>
            replicas.OpenViewAsync(group, request, ct));
        views.MapDelete("/{name}", async (string group, string name, CancellationToken ct) =>
        {
            await replicas.CloseViewAsync(group, name, ct);
            return Results.NoContent();
        });
    }
}
