// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Compute;

/// <summary>The Compute API, as far as servers are described, built and stopped.</summary>
internal sealed class NovaClient(CloudSession session)
{
    /// <summary>A hostname of its own can be asked for from here on.</summary>
    private static readonly Microversion WithHostname = new(2, 90);
    private static readonly CloudApi Nova = CloudApi.Compute;

    public Task<IReadOnlyList<NovaServer>> ServersAsync(CancellationToken ct) =>
        session.ListAsync<ServerPage, NovaServer>(Nova, "servers/detail", NovaJson.Default.ServerPage, ct);

    /// <summary>The project's servers that have all of these tags.</summary>
    public Task<IReadOnlyList<NovaServer>> ServersAsync(IEnumerable<string> tags, CancellationToken ct) =>
        session.ListAsync<ServerPage, NovaServer>(Nova,
            "servers/detail?tags=" + Uri.EscapeDataString(string.Join(',', tags)), NovaJson.Default.ServerPage, ct);

    public async Task<NovaServer?> FindServerAsync(string id, CancellationToken ct) =>
        (await session.FindAsync(Nova, $"servers/{Id(id)}", NovaJson.Default.ServerAnswer, ct))?.Server;

    public async Task<IReadOnlyList<NovaAttachment>> AttachmentsAsync(string server, CancellationToken ct) =>
        (await session.GetAsync(Nova, $"servers/{Id(server)}/os-volume_attachments", NovaJson.Default.AttachmentPage,
            ct)).VolumeAttachments;

    /// <summary>
    /// Everything that Nova tells of a failed build: the server's fault, and what each event of its creation that
    /// ended in an error says.
    /// </summary>
    public async Task<IReadOnlyList<string>> FaultsAsync(NovaServer server, CancellationToken ct)
    {
        var all = new List<string>();
        if (server.Fault is { } fault) all.Add(fault.Message);
        var path = $"servers/{Id(server.Id)}/os-instance-actions";
        foreach (var action in (await session.GetAsync(Nova, path, NovaJson.Default.ActionPage, ct)).InstanceActions)
        {
            var one = await session.FindAsync(Nova, $"{path}/{Id(action.RequestId)}", NovaJson.Default.ActionAnswer,
                ct);
            foreach (var failed in one?.InstanceAction.Events?.Where(e => e.Result == "Error") ?? [])
                all.Add($"{action.Action}: {failed.Event} failed{(failed.Details is null ? "" : ": ")}{failed.Details}"
                    + $" (request {action.RequestId})");
            if (action.Message is { Length: > 0 } message && message != "Error")
                all.Add($"{action.Action}: {message} (request {action.RequestId})");
        }
        return [.. all.Distinct(StringComparer.Ordinal)];
    }

    /// <summary>How long the last stop of a server took on its host; null: Nova has none written down.</summary>
    public async Task<TimeSpan?> FindStopAsync(string server, CancellationToken ct)
    {
        var path = $"servers/{Id(server)}/os-instance-actions";
        var actions = await session.GetAsync(Nova, path, NovaJson.Default.ActionPage, ct);
        if (actions.InstanceActions.FirstOrDefault(a => a.Action == "stop") is not { } stop) return null;
        var all = await session.FindAsync(Nova, $"{path}/{Id(stop.RequestId)}", NovaJson.Default.ActionAnswer, ct);
        return all?.InstanceAction.Events?.FirstOrDefault(e => e.Event == "compute_stop_instance") is
            { Result: "Success", StartTime: { } from, FinishTime: { } to } ? to - from : null;
    }

    /// <summary>The newest thing that was done with a server and may have let its guest write: the id of its request;
    /// null: Nova has none written down.</summary>
    public async Task<string?> FindLastStartAsync(string server, CancellationToken ct) =>
        (await session.GetAsync(Nova, $"servers/{Id(server)}/os-instance-actions", NovaJson.Default.ActionPage, ct))
            .InstanceActions.FirstOrDefault(a => a.Action is not "stop" and not "confirmResize")?.RequestId;

    public Task<IReadOnlyList<NovaFlavor>> FlavorsAsync(CancellationToken ct) =>
        session.ListAsync<FlavorPage, NovaFlavor>(Nova, "flavors/detail", NovaJson.Default.FlavorPage, ct);

    public async Task<IReadOnlyList<NovaKeypair>> KeypairsAsync(CancellationToken ct) =>
    [
        .. (await session.ListAsync<KeypairPage, KeypairAnswer>(Nova, "os-keypairs", NovaJson.Default.KeypairPage,
            ct)).Select(k => k.Keypair),
    ];

    public async Task<IReadOnlyList<NovaServerGroup>> ServerGroupsAsync(CancellationToken ct) =>
        (await session.GetAsync(Nova, "os-server-groups", NovaJson.Default.ServerGroupPage, ct)).ServerGroups;

    public async Task<NovaServerGroup?> FindServerGroupAsync(string id, CancellationToken ct) =>
        (await session.FindAsync(Nova, $"os-server-groups/{Id(id)}", NovaJson.Default.ServerGroupAnswer, ct))
            ?.ServerGroup;

    public async Task<NovaLimits> LimitsAsync(CancellationToken ct) =>
        (await session.GetAsync(Nova, "limits", NovaJson.Default.LimitsAnswer, ct)).Limits.Absolute;

    public async Task<IReadOnlyList<NovaZone>> ZonesAsync(CancellationToken ct) =>
        (await session.GetAsync(Nova, "os-availability-zone", NovaJson.Default.ZoneAnswer, ct)).Zones;

    /// <summary>One attempt to build a server; whoever calls looks for it before (<see cref="MakeOnce"/>).</summary>
    /// <returns>Its id: what became of it is seen by asking.</returns>
    public async Task<string> CreateServerAsync(NewServerRequest request, CancellationToken ct)
    {
        var version = await session.VersionAsync(Nova, ct);
        var spoken = version < WithHostname ? request with { Server = request.Server with { Hostname = null } }
            : request;
        return (await session.PostAsync(Nova, "servers", spoken, NovaJson.Default.NewServerRequest,
            NovaJson.Default.NewServerAnswer, ct)).Server.Id;
    }

    public Task DeleteServerAsync(string id, CancellationToken ct) =>
        session.DeleteAsync(Nova, $"servers/{Id(id)}", ct);

    /// <summary>Asks the guest to shut down by its agent or ACPI; Nova ends it hard after its own time limit (60 s
    /// unless the image says otherwise).</summary>
    public Task StopServerAsync(string id, CancellationToken ct) => ActAsync(id, "os-stop", null, ct);

    public Task StartServerAsync(string id, CancellationToken ct) => ActAsync(id, "os-start", null, ct);

    /// <summary>Adds to what is written on a server, or changes it; other keys stay.</summary>
    public Task SetMetadataAsync(string id, string key, string value, CancellationToken ct) =>
        session.ChangeAsync(Nova, HttpMethod.Post, $"servers/{Id(id)}/metadata",
            new JsonObject { ["metadata"] = new JsonObject { [key] = value } }, NovaJson.Default.JsonObject, ct);

    /// <summary>Puts a volume into a server, as the next device.</summary>
    public Task AttachAsync(string server, string volume, CancellationToken ct) => session.ChangeAsync(Nova,
        HttpMethod.Post, $"servers/{Id(server)}/os-volume_attachments",
        new JsonObject { ["volumeAttachment"] = new JsonObject { ["volumeId"] = volume } },
        NovaJson.Default.JsonObject, ct);

    /// <summary>Takes one out; its boot volume it keeps. What is out already stays so.</summary>
    public Task DetachAsync(string server, string volume, CancellationToken ct) =>
        session.DeleteAsync(Nova, $"servers/{Id(server)}/os-volume_attachments/{Id(volume)}", ct);

    /// <summary>What a server wrote to its first serial console, as far as it is kept.</summary>
    /// <exception cref="CloudException">Conflict: it has not begun yet.</exception>
    public async Task<string> ConsoleAsync(string id, CancellationToken ct) => (await session.PostAsync(Nova,
        $"servers/{Id(id)}/action", new JsonObject { ["os-getConsoleOutput"] = new JsonObject() },
        NovaJson.Default.JsonObject, NovaJson.Default.ConsoleAnswer, ct)).Output;

    public Task RebootServerAsync(string id, bool hard, CancellationToken ct) =>
        ActAsync(id, "reboot", new JsonObject { ["type"] = hard ? "HARD" : "SOFT" }, ct);

    public async Task<NovaKeypair> CreateKeypairAsync(string name, string type, string publicKey,
        CancellationToken ct) => (await session.PostAsync(Nova, "os-keypairs",
            new NewKeypairRequest(new NewKeypair(name, type, publicKey)), NovaJson.Default.NewKeypairRequest,
            NovaJson.Default.KeypairAnswer, ct)).Keypair;

    public async Task<NovaServerGroup> CreateServerGroupAsync(string name, string policy, NovaGroupRules? rules,
        CancellationToken ct) => (await session.PostAsync(Nova, "os-server-groups",
            new NewServerGroupRequest(new NewServerGroup(name, policy, rules)),
            NovaJson.Default.NewServerGroupRequest, NovaJson.Default.ServerGroupAnswer, ct)).ServerGroup;

    public Task DeleteServerGroupAsync(string id, CancellationToken ct) =>
        session.DeleteAsync(Nova, $"os-server-groups/{Id(id)}", ct);

    private Task ActAsync(string id, string action, JsonNode? with, CancellationToken ct) =>
        session.ChangeAsync(Nova, HttpMethod.Post, $"servers/{Id(id)}/action", new JsonObject { [action] = with },
            NovaJson.Default.JsonObject, ct);

    private static string Id(string id) => Uri.EscapeDataString(id);
}
