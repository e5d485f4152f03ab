// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Recovery.Sides;

namespace Lifeboat.Controller.Peers;

/// <summary>What a step may do at a paired site, asked of its controller.</summary>
internal sealed class PeerSide(string site, PeerClient client) : ISiteSide
{
    // Making a replica may copy whole disks as its seed.
    private static readonly TimeSpan SeedLimit = TimeSpan.FromHours(12);
    private static readonly TimeSpan SourceLimit = TimeSpan.FromMinutes(2);
    // A few questions to a cloud for each volume.
    private static readonly TimeSpan BackupLimit = TimeSpan.FromMinutes(30);

    public string Name => site;

    public async Task<GroupDefinition?> GroupAsync(string group, CancellationToken ct) =>
        await RecordAsync(group, ct) is { Removed: false } record ? record.Definition : null;

    public Task<GroupRecord?> RecordAsync(string group, CancellationToken ct) =>
        FindAsync<GroupRecord>($"{Group(group)}", ct);

    public Task SetGroupAsync(GroupDefinition definition, CancellationToken ct) =>
        TellAsync(HttpMethod.Put, Group(definition.Name), definition, SourceLimit, ct);

    /// <summary>Deletes the group there: its source or replica, and tells what it was deleted as.</summary>
    public Task RemoveGroupAsync(GroupDefinition removed, CancellationToken ct) =>
        TellAsync(HttpMethod.Post, $"{Group(removed.Name)}/remove", removed, SourceLimit, ct);

    /// <summary>Says what to trust of this site from now on.</summary>
    public Task TrustAsync(TrustNotice notice, CancellationToken ct) =>
        client.TellAsync(HttpMethod.Put, "peer/v1/trust", notice, TimeSpan.Zero, ct);

    public Task StartSourceAsync(string group, CancellationToken ct) =>
        client.TellAsync(HttpMethod.Post, $"{Group(group)}/source/start", null, SourceLimit, ct);

    public Task StopSourceAsync(string group, CancellationToken ct) =>
        client.TellAsync(HttpMethod.Post, $"{Group(group)}/source/stop", null, SourceLimit, ct);

    public Task<SourceStatus?> SourceAsync(string group, CancellationToken ct) =>
        FindAsync<SourceStatus>($"{Group(group)}/source", ct);

    public Task<PeerStatuses> StatusesAsync(CancellationToken ct) =>
        client.AskAsync<PeerStatuses>(HttpMethod.Get, "peer/v1/statuses", null, TimeSpan.Zero, ct);

    public Task<CheckpointResult> CheckpointAsync(string group, CheckpointRequest request, CancellationToken ct) =>
        client.AskAsync<CheckpointResult>(HttpMethod.Post, $"{Group(group)}/checkpoints", request,
            (request.WaitSealed ?? TimeSpan.Zero) + SourceLimit, ct);

    public Task AcceptReplicaAsync(string group, AcceptReplicaRequest request, CancellationToken ct) =>
        client.TellAsync(HttpMethod.Put, $"{Group(group)}/replica", request,
            request.Seeded ? SeedLimit : SourceLimit, ct);

    public Task<RecoveryPoint> AcceptKeepingAsync(string group, string pin, CancellationToken ct) =>
        client.AskAsync<RecoveryPoint>(HttpMethod.Put, Kept(group, pin), null, SeedLimit, ct);

    public Task<ViewInfo> OpenKeptAsync(string group, string pin, CancellationToken ct) =>
        client.AskAsync<ViewInfo>(HttpMethod.Post, Kept(group, pin) + "/view", null, SourceLimit, ct);

    public async Task<bool> RunsAsync(string group, CancellationToken ct) =>
        (await client.AskAsync<RunsAnswer>(HttpMethod.Get, $"{Group(group)}/runs", null, TimeSpan.Zero, ct)).Runs;

    public Task<SideChanges> ChangesAsync(string group, CancellationToken ct) =>
        client.AskAsync<SideChanges>(HttpMethod.Get, $"{Group(group)}/changes", null, SourceLimit, ct);

    public Task DropReplicaAsync(string group, CancellationToken ct) =>
        client.TellAsync(HttpMethod.Delete, $"{Group(group)}/replica", null, SourceLimit, ct);

    /// <summary>Tells the site of a point of a group that is moved by backups; it makes them known to its cloud.
    /// </summary>
    public Task ReceiveBackupsAsync(string group, BackupPoint point, CancellationToken ct) =>
        client.TellAsync(HttpMethod.Put, $"{Group(group)}/backups/{point.Point.Id}", point, BackupLimit, ct);

    public Task DropBackupsAsync(string group, Guid point, CancellationToken ct) =>
        client.TellAsync(HttpMethod.Delete, $"{Group(group)}/backups/{point}", null, BackupLimit, ct);

    public Task<ReplicaStatus?> ReplicaAsync(string group, CancellationToken ct) =>
        FindAsync<ReplicaStatus>($"{Group(group)}/replica", ct);

    public Task<IReadOnlyList<RecoveryPoint>> PointsAsync(string group, CancellationToken ct) =>
        client.AskAsync<IReadOnlyList<RecoveryPoint>>(HttpMethod.Get, $"{Group(group)}/points", null, TimeSpan.Zero,
            ct);

    public Task PinAsync(string group, PinRequest request, CancellationToken ct) =>
        client.TellAsync(HttpMethod.Post, $"{Group(group)}/pins", request, TimeSpan.Zero, ct);

    public Task UnpinAsync(string group, string name, CancellationToken ct) =>
        client.TellAsync(HttpMethod.Delete, $"{Group(group)}/pins/{name}", null, TimeSpan.Zero, ct);

    public Task ShutDownAsync(string group, string instance, TimeSpan limit, CancellationToken ct) =>
        client.TellAsync(HttpMethod.Post, $"{Group(group)}/instances/{instance}/shut-down", new ShutDownRequest(limit),
            limit, ct);

    public Task RestartAsync(string group, string instance, CancellationToken ct) =>
        client.TellAsync(HttpMethod.Post, $"{Group(group)}/instances/{instance}/restart", null, SourceLimit, ct);

    public Task StopAsync(string group, string instance, CancellationToken ct) =>
        client.TellAsync(HttpMethod.Post, $"{Group(group)}/instances/{instance}/stop", null, SourceLimit, ct);

    public Task<GroupExchange> ExchangeAsync(GroupExchange mine, CancellationToken ct) =>
        client.AskAsync<GroupExchange>(HttpMethod.Post, "peer/v1/exchange", mine, TimeSpan.Zero, ct);

    public Task<PolicyExchange> PoliciesAsync(PolicyExchange mine, CancellationToken ct) =>
        client.AskAsync<PolicyExchange>(HttpMethod.Post, "peer/v1/policies", mine, TimeSpan.Zero, ct);

    public Task<PeerProject> ProjectAsync(CancellationToken ct) =>
        client.AskAsync<PeerProject>(HttpMethod.Get, "peer/v1/project", null, SourceLimit, ct);

    public Task<BootFileState> BootFileAsync(string digest, CancellationToken ct) =>
        client.AskAsync<BootFileState>(HttpMethod.Get, $"peer/v1/boot/{digest}", null, TimeSpan.Zero, ct);

    public Task SendBootFileAsync(string digest, long offset, bool last, ReadOnlyMemory<byte> bytes,
        CancellationToken ct) => client.SendBytesAsync(HttpMethod.Put,
            $"peer/v1/boot/{digest}?offset={offset}&last={(last ? "true" : "false")}", bytes, ct);

    // Releases up to 2026-11 refuse fields that they do not know, and number no edits.
    private async Task TellAsync(HttpMethod method, string path, GroupDefinition group, TimeSpan limit,
        CancellationToken ct)
    {
        try
        {
            await client.TellAsync(method, path, group, limit, ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.InvalidRequest && group.Edits is not null)
        {
            await client.TellAsync(method, path, group with { Edits = null }, limit, ct);
        }
    }

    private async Task<T?> FindAsync<T>(string path, CancellationToken ct) where T : class
    {
        try
        {
            return await client.AskAsync<T>(HttpMethod.Get, path, null, TimeSpan.Zero, ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.GroupUnknown)
        {
            return null;
        }
    }

    private static string Kept(string group, string pin) => $"{Group(group)}/kept/{Uri.EscapeDataString(pin)}";

    private static string Group(string group) => $"peer/v1/groups/{group}";
}
