// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Text.Json.Nodes;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// What a user asks of Nova and Cinder, and in which words each ended: answers and last states, without what differs by
/// chance. So two servers can be compared.
/// </summary>
internal sealed class ServerAsks(CloudClients cloud, CloudSession session)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>An action on a server, until nothing goes on in it any more.</summary>
    /// <param name="wanted">The state that is waited for; another one is told as it is.</param>
    public async Task<string> ActAsync(string server, string action, JsonNode? with, string wanted)
    {
        var said = await SaidAsync(CloudApi.Compute, $"servers/{server}/action", new JsonObject { [action] = with });
        return $"{said}, {await ServerAsync(server, wanted)}";
    }

    public async Task<string> ResizeAsync(string server, string flavor) =>
        await ActAsync(server, "resize", new JsonObject { ["flavorRef"] = flavor }, "VERIFY_RESIZE") + ", "
            + await ActAsync(server, "confirmResize", null, "ACTIVE");

    public async Task<string> ImageAsync(string server)
    {
        var name = $"lb-image-{Guid.NewGuid():n}";
        var said = await SaidAsync(CloudApi.Compute, $"servers/{server}/action",
            new JsonObject { ["createImage"] = new JsonObject { ["name"] = name } });
        var image = await UntilAsync(async () => (await cloud.Glance.ImagesAsync(Ct))
            .FirstOrDefault(i => i.Name == name), i => i.Status is "active" or "killed" or "deleted");
        var snapshots = await SnapshotsAsync(s => Text(s, "name") == $"snapshot for {name}");
        var states = await StatesAsync(snapshots);
        if (image is not null)
            await session.DeleteAsync(CloudApi.Image, $"images/{image.Id}", Ct);
        foreach (var snapshot in snapshots) await DropAsync($"snapshots/{snapshot}", "snapshot");
        return $"{said}, image {image?.Status}, snapshots {states}, {await ServerAsync(server, "ACTIVE")}";
    }

    /// <summary>A snapshot, a backup from it, and both removed.</summary>
    public async Task<string> SnapshotAsync(string volume, bool backup)
    {
        var made = await MakeAsync("snapshots", "snapshot", new JsonObject
        {
            ["volume_id"] = volume, ["force"] = true, ["name"] = "lb-snapshot",
        });
        var ended = await StateAsync($"snapshots/{made.Id}", "snapshot");
        var saved = "none";
        if (backup && ended == "available")
        {
            var copy = await MakeAsync("backups", "backup", new JsonObject
            {
                ["volume_id"] = volume, ["snapshot_id"] = made.Id, ["name"] = "lb-backup",
            });
            saved = $"{copy.Said} {await StateAsync($"backups/{copy.Id}", "backup")}";
            await DropAsync($"backups/{copy.Id}", "backup");
        }
        var gone = await DropAsync($"snapshots/{made.Id}", "snapshot");
        return $"{made.Said}, {ended}, backup {saved}, removed: {gone}, volume {await VolumeAsync(volume)}";
    }

    public async Task<string> PlugAsync(string server, string volume)
    {
        var said = await SaidAsync(CloudApi.Compute, $"servers/{server}/os-volume_attachments",
            new JsonObject { ["volumeAttachment"] = new JsonObject { ["volumeId"] = volume } });
        var inside = await UntilAsync(() => cloud.Cinder.FindVolumeAsync(volume, Ct), v => v.Status == "in-use");
        await cloud.Nova.DetachAsync(server, volume, Ct);
        var outside = await UntilAsync(() => cloud.Cinder.FindVolumeAsync(volume, Ct), v => v.Status == "available");
        return $"{said}, {inside?.Status}, {outside?.Status}, {await ServerAsync(server, "ACTIVE")}";
    }

    public async Task<string> ExtendAsync(string volume, int gib)
    {
        var said = await SaidAsync(CloudApi.BlockStorage, $"volumes/{volume}/action",
            new JsonObject { ["os-extend"] = new JsonObject { ["new_size"] = gib } });
        var ended = await UntilAsync(() => cloud.Cinder.FindVolumeAsync(volume, Ct),
            v => v.Status is "in-use" && v.Size == gib || v.Status.StartsWith("error", StringComparison.Ordinal));
        return $"{said}, {ended?.Status}, {ended?.Size} GiB";
    }

    private async Task<string> ServerAsync(string server, string wanted)
    {
        var ended = await UntilAsync(() => cloud.Nova.FindServerAsync(server, Ct),
            s => s.TaskState is null && (s.Status == wanted || s.Status == "ERROR"));
        return ended?.TaskState is { } task ? $"{ended.Status} ({task})" : ended?.Status ?? "gone";
    }

    private async Task<string> VolumeAsync(string volume) => (await UntilAsync(
        () => cloud.Cinder.FindVolumeAsync(volume, Ct), v => v.Status is "in-use" or "available"))?.Status ?? "gone";

    private async Task<string> SaidAsync(CloudApi service, string path, JsonObject body)
    {
        try
        {
            await session.ChangeAsync(service, HttpMethod.Post, path, body, CinderJson.Default.JsonObject, Ct);
            return "done";
        }
        catch (CloudException e)
        {
            return $"refused ({e.Fault})";
        }
    }

    private async Task<(string Said, string Id)> MakeAsync(string path, string kind, JsonObject wanted)
    {
        try
        {
            var made = await session.PostAsync(CloudApi.BlockStorage, path, new JsonObject { [kind] = wanted },
                CinderJson.Default.JsonObject, CinderJson.Default.JsonObject, Ct);
            return ("done", Text(made[kind]!, "id")!);
        }
        catch (CloudException e)
        {
            return ($"refused ({e.Fault})", "none");
        }
    }

    private async Task<string> StateAsync(string path, string kind)
    {
        var ended = await UntilAsync(() => FindAsync(path, kind),
            s => Text(s, "status") is "available" || Text(s, "status")!.StartsWith("error", StringComparison.Ordinal));
        return ended is null ? "gone" : Text(ended, "status")!;
    }

    private async Task<string> StatesAsync(IReadOnlyList<string> snapshots)
    {
        var states = new List<string>();
        foreach (var snapshot in snapshots) states.Add(await StateAsync($"snapshots/{snapshot}", "snapshot"));
        return states.Count == 0 ? "none" : string.Join(' ', states);
    }

    private async Task<string> DropAsync(string path, string kind)
    {
        await session.DeleteAsync(CloudApi.BlockStorage, path, Ct);
        var left = await UntilAsync(() => FindAsync(path, kind),
            s => Text(s, "status")!.StartsWith("error", StringComparison.Ordinal));
        return left is null ? "yes" : Text(left, "status")!;
    }

    private async Task<IReadOnlyList<string>> SnapshotsAsync(Func<JsonNode, bool> which)
    {
        var all = await session.GetAsync(CloudApi.BlockStorage, "snapshots", CinderJson.Default.JsonObject, Ct);
        return [.. all["snapshots"]!.AsArray().Where(s => which(s!)).Select(s => Text(s!, "id")!)];
    }

    private async Task<JsonNode?> FindAsync(string path, string kind) =>
        (await session.FindAsync(CloudApi.BlockStorage, path, CinderJson.Default.JsonObject, Ct))?[kind];

    private static string? Text(JsonNode of, string member) => of[member]?.GetValue<string>();

    /// <summary>Until it is gone, or something holds, or the limit is over: what it is then.</summary>
    private static async Task<T?> UntilAsync<T>(Func<Task<T?>> find, Func<T, bool> holds) where T : class
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            var found = await find();
            if (found is null || holds(found) || Stopwatch.GetElapsedTime(start) > Limit) return found;
            await Task.Delay(TimeSpan.FromMilliseconds(500), Ct);
        }
    }
}
