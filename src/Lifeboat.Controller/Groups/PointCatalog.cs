// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Controller.Groups;

/// <summary>A group's points: they are where the replica is, and cut where the instances run.</summary>
internal sealed class PointCatalog(LocalSide here, SpecStore specs, PeerDirectory peers)
{
    private static readonly TimeSpan SealLimit = TimeSpan.FromMinutes(1);
    // It goes on when nobody waits any more.
    private static readonly TimeSpan BackupLimit = TimeSpan.FromMinutes(10);

    public async Task<IReadOnlyList<RecoveryPoint>> ListAsync(string group, CancellationToken ct)
    {
        // A site that lost its database and its files still has replicas, and they list their points themselves (I12).
        if (await here.GroupAsync(group, ct) is not { } definition) return await here.PointsAsync(group, ct);
        if (specs.Replica(group) is { Active: true }) return await here.PointsAsync(group, ct);
        var kept = await here.KeptAsync(group, ct);
        return [.. kept.Select(k => k.Point),
            .. await peers.Side(definition.Other(here.Name)).PointsAsync(group, ct)];
    }

    public async Task<RecoveryPoint> GetAsync(string group, Guid point, CancellationToken ct) =>
        (await ListAsync(group, ct)).FirstOrDefault(p => p.Id == point)
        ?? throw new ProblemException(ReasonCode.PointUnknown, $"group {group} has no point {point}",
            $"List them with `lifeboat point list {group}`.");

    public async Task<CheckpointResult> CreateAsync(string group, CreatePointRequest request, CancellationToken ct)
    {
        var definition = here.Require(group);
        var primary = definition.PrimarySite;
        var checkpoint = new CheckpointRequest(request.Quiesce, CleanShutdown: false, request.Label,
            definition.MovedByCloud ? BackupLimit : SealLimit);
        if (request.Label is { Length: > 200 })
            throw new ProblemException(ReasonCode.InvalidRequest, "label has at most 200 characters");
        return primary == here.Name
            ? await here.CheckpointAsync(group, checkpoint, ct)
            : await peers.Side(primary).CheckpointAsync(group, checkpoint, ct);
    }

    public async Task PinAsync(string group, Guid point, string pin, CancellationToken ct)
    {
        await GetAsync(group, point, ct);
        ThrowIfBadPin(pin);
        if (await IsHereAsync(group, point, ct)) await here.PinAsync(group, new PinRequest(pin, point), ct);
        else await Other(group).PinAsync(group, new PinRequest(pin, point), ct);
    }

    public async Task UnpinAsync(string group, Guid point, string pin, CancellationToken ct)
    {
        ThrowIfBadPin(pin);
        if (await IsHereAsync(group, point, ct)) await here.UnpinAsync(group, pin, ct);
        else await Other(group).UnpinAsync(group, pin, ct);
    }

    private async Task<bool> IsHereAsync(string group, Guid point, CancellationToken ct) =>
        specs.Replica(group) is { Active: true }
        || (await here.KeptAsync(group, ct)).Any(k => k.Point.Id == point);

    private PeerSide Other(string group) => peers.Side(here.Require(group).Other(here.Name));

    private static void ThrowIfBadPin(string pin)
    {
        if (!EntityName.IsValid(pin) || pin.StartsWith("run-", StringComparison.Ordinal))
        {
            throw new ProblemException(ReasonCode.InvalidRequest, $"pin name is '{pin}'; {EntityName.Rule}",
                "Names that begin with run- belong to runs.");
        }
    }
}
