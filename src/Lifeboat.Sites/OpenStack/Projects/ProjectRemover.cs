// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Identity;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Projects;

// Keystone removes a project whatever is in it, and the services keep what nobody owns any more. So all of them are
// asked first, twice over: by lists, which have names, and by what they count for quotas.

/// <summary>Removes a project that was made by us and is empty.</summary>
internal sealed partial class ProjectRemover(CloudSession admin, ILogger<ProjectRemover> logger)
{
    private const string DefaultGroup = "default";
    private const int NamesMost = 10;

    // Lists, as an administrator gets them of one project.
    private static readonly (CloudApi Service, string Kind, string Path, string List)[] Lists =
    [
        (CloudApi.Compute, "server", "servers/detail?all_tenants=true&project_id=", "servers"),
        (CloudApi.BlockStorage, "volume", "volumes/detail?all_tenants=true&project_id=", "volumes"),
        (CloudApi.BlockStorage, "snapshot", "snapshots/detail?all_tenants=true&project_id=", "snapshots"),
        (CloudApi.BlockStorage, "backup", "backups/detail?all_tenants=true&project_id=", "backups"),
        (CloudApi.Network, "network", "networks?project_id=", "networks"),
        (CloudApi.Network, "router", "routers?project_id=", "routers"),
        (CloudApi.Network, "port", "ports?project_id=", "ports"),
        (CloudApi.Network, "floating address", "floatingips?project_id=", "floatingips"),
        (CloudApi.Network, "security group", "security-groups?project_id=", "security_groups"),
        (CloudApi.Image, "image", "images?owner=", "images"),
        (CloudApi.Identity, "project", "projects?parent_id=", "projects"),
    ];

    // Where services write whose a thing is; a filter that a service does not know it passes over.
    private static readonly string[] Owners = ["project_id", "tenant_id", "os-vol-tenant-attr:tenant_id",
        "os-extended-snapshot-attributes:project_id", "os-backup-project-attr:project_id", "owner", "parent_id"];

    // What comes with a project by itself, or is told by the lists.
    private static readonly string[] NotCounted = ["security_group", "security_group_rule", "gigabytes",
        "backup_gigabytes"];

    private static readonly CloudApi[] Known = [CloudApi.Identity, CloudApi.Compute, CloudApi.BlockStorage,
        CloudApi.Network, CloudApi.Image, CloudApi.Placement, CloudApi.DisasterRecovery];

    public async Task<ProjectRemains> RemainsAsync(ProjectTarget target, CancellationToken ct)
    {
        var state = ProjectPlanner.StateOf(target.Found);
        if (target.Found is not { } project) return new ProjectRemains(target.Name, target.DomainName, state, [], []);
        var holds = new List<string>();
        foreach (var (service, kind, path, list) in Lists)
        {
            var names = await NamesAsync(service, path, list, project.Id, ct);
            if (names.Count > 0)
                holds.Add($"{names.Count.ToString(CultureInfo.InvariantCulture)} {kind}(s): "
                    + string.Join(", ", names.Take(NamesMost)) + (names.Count > NamesMost ? " …" : ""));
        }
        if (holds.Count == 0) holds.AddRange(await CountedAsync(project.Id, ct));
        var others = (await admin.TokenAsync(ct)).Catalog.Types.Except(Known.SelectMany(k => k.Types))
            .Order(StringComparer.Ordinal).ToList();
        return new ProjectRemains(project.Name, target.DomainName, state, holds, others.Count == 0 ? []
            : [$"what it may have in other services is not looked for: {string.Join(", ", others)}"]);
    }

    /// <exception cref="SiteException">Refused: it is somebody else's, or something is in it.</exception>
    public async Task RemoveAsync(ProjectTarget target, CancellationToken ct)
    {
        if (target.Found is not { } project) return;
        var remains = await RemainsAsync(target, ct);
        if (remains.State is ProjectState.Foreign)
            throw new SiteException(SiteFault.Refused,
                $"project '{project.Name}' was not made by Lifeboat, so it stays");
        if (remains.Holds.Count > 0)
            throw new SiteException(SiteFault.Refused,
                $"project '{project.Name}' is not empty: {string.Join("; ", remains.Holds)}");
        foreach (var service in Enum.GetValues<QuotaArea>())
            await new ProjectQuotas(admin).ResetAsync(service, project.Id, ct);
        // Neutron makes it one by itself, and does not hear of the project's end.
        foreach (var group in await ItemsAsync(CloudApi.Network, "security-groups?project_id=", "security_groups",
            project.Id, ct))
            await admin.DeleteAsync(CloudApi.Network, $"security-groups/{group["id"]!.GetValue<string>()}", ct);
        await new KeystoneClient(admin).DeleteProjectAsync(project.Id, ct);
        LogRemoved(project.Name, project.Id);
    }

    private async Task<IReadOnlyList<string>> NamesAsync(CloudApi service, string path, string list, string project,
        CancellationToken ct) =>
    [
        .. (await ItemsAsync(service, path, list, project, ct))
            .Select(i => Text(i, "name") is { Length: > 0 } name ? name
                : Text(i, "floating_ip_address") ?? Text(i, "id") ?? "?")
            .Where(n => list != "security_groups" || n != DefaultGroup),
    ];

    private async Task<IReadOnlyList<JsonObject>> ItemsAsync(CloudApi service, string path, string list,
        string project, CancellationToken ct)
    {
        var answer = await admin.GetAsync(service, path + Uri.EscapeDataString(project),
            BlockStorage.CinderJson.Default.JsonObject, ct);
        return [.. (answer[list] as JsonArray ?? []).OfType<JsonObject>().Where(i => Owners.All(o =>
            Text(i, o) is not { } owner || owner == project))];
    }

    private async Task<IReadOnlyList<string>> CountedAsync(string project, CancellationToken ct)
    {
        var counted = new List<string>();
        foreach (var service in Enum.GetValues<QuotaArea>())
            counted.AddRange((await new ProjectQuotas(admin).ReadAsync(service, project, ct))
                .Where(q => q.Value.Used > 0 && !NotCounted.Contains(q.Key))
                .Select(q => $"{q.Value.Used.ToString(CultureInfo.InvariantCulture)} {q.Key}, as "
                    + $"{QuotaProposals.Name(service)} counts"));
        return counted;
    }

    private static string? Text(JsonObject item, string member) =>
        item[member] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    [LoggerMessage(EventIds.ProjectRemoved, LogLevel.Information, "Project {Project} ({Id}) was removed")]
    private partial void LogRemoved(string project, string id);
}
