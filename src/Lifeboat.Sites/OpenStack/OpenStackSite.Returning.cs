// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Mapping;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack;

// An instance that comes back to a project that has its server still: the server stays what it is, with its id, ports
// and floating addresses, and starts from the same volumes, which the view is copied into.
//
//   SHUTOFF -> every volume copied into, marked with the request -> disks that came or went -> server marked -> started
//           -> ACTIVE -> marks of volumes removed
//
// Invariant (I5): nothing is written over that the request does not say is held.
internal sealed partial class OpenStackSite : IWritesOverDisks
{
    public bool WritesOver => true;

    private const string ReturnedKey = "lifeboat-returned";
    private const string ShutDownKey = "lifeboat-shut-down";

    private static bool IsHome(NovaServer server, InstanceDescription description) =>
        ServerNames.Tagged(server) is null && server.Id == description.Cloud?.ServerId;

    // The server that a user built is only ever returned to; one of ours can be built anew as well.
    // What appliances write cannot be written over while a server has it.
    private bool Returns(NovaServer server, StartRequest request, string digest) => request.Bubble is null
        && (IsReturned(server, digest) || IsHome(server, request.Description)
            || _appliances is null && ServerNames.Tagged(server) is not null && !IsSame(server, digest)
            && server.Status == "SHUTOFF" && request.Disks.Count > 0
            && request.Disks.All(d => d is { Held: true, ViewSocket: not null }));

    private static bool IsReturned(NovaServer server, string digest) =>
        server.Metadata?.GetValueOrDefault(ReturnedKey) == digest;

    private async Task ReturnAsync(StartRequest request, NovaServer server, string digest, CancellationToken ct)
    {
        var returned = IsReturned(server, digest);
        if (server.Status != "SHUTOFF" && !(returned && server.Status == "ACTIVE"))
            throw new SiteException(SiteFault.InstanceExists,
                $"server '{server.Name}' ({server.Id}) of {request.Instance} is {server.Status}; stop it first");
        var disks = await OwnDisksAsync(server, ct);
        if (!returned)
        {
            await WriteOverAsync(request, disks, digest, ct);
            await ReplugAsync(request, server, disks, digest, ct);
            // From here on a guest may write to them: whoever asks again finds what this request began.
            await _cloud.Nova.SetMetadataAsync(server.Id, ReturnedKey, digest, ct);
        }
        if (server.Status == "SHUTOFF") await _cloud.Nova.StartServerAsync(server.Id, ct);
        await _wait.UntilAsync(server.Id, "ACTIVE", _options.BuildLimit, ct);
        await _volumes.ForgetOverwritingAsync(disks.Select(d => d.VolumeId).OfType<string>(), ct);
        LogReturned(request.Instance, server.Id);
    }

    private async Task<SiteInstance> WithStintAsync(SiteInstance stopped, NovaServer server, CancellationToken ct)
    {
        var stint = await _cloud.Nova.FindLastStartAsync(server.Id, ct);
        return stopped with
        {
            Stint = stint,
            LeftClean = stint is not null && server.Metadata?.GetValueOrDefault(ShutDownKey) == stint,
        };
    }

    private async Task MarkShutDownAsync(string server, CancellationToken ct)
    {
        if (await _cloud.Nova.FindLastStartAsync(server, ct) is { } stint)
            await _cloud.Nova.SetMetadataAsync(server, ShutDownKey, stint, ct);
    }

    /// <summary>What keeps an instance from coming back to the server that it was.</summary>
    private async Task<IReadOnlyList<string>> ReturnGapsAsync(NovaServer server, InstanceDescription description,
        CancellationToken ct)
    {
        var disks = await OwnDisksAsync(server, ct);
        var wanted = description.Disks.Select(d => d.Name).ToHashSet(StringComparer.Ordinal);
        return
        [
            .. disks.Where(d => d.VolumeId is null && wanted.Contains(d.Disk)).Select(d => $"server '{server.Name}' "
                + $"({server.Id}) is here, and its disk {d.Disk} is no volume, so nothing can be copied into it: "
                + "remove the server, and it is built anew from volumes"),
            .. _volumes.OverwritingGaps(disks.Select(d => d.Type).OfType<string>()),
        ];
    }

    private async Task<IReadOnlyList<CloudDisk>> OwnDisksAsync(NovaServer server, CancellationToken ct)
    {
        var facts = await ServerFacts.ReadAsync(_cloud, server, ct);
        return ServerDescriber.Describe(server.Name, facts, await SurroundingsAsync(ct)).Cloud!.Disks;
    }

    // All are looked at before the first one is written to.
    private async Task WriteOverAsync(StartRequest request, IReadOnlyList<CloudDisk> own, string digest,
        CancellationToken ct)
    {
        var pairs = own.Join(request.Disks, d => d.Disk, s => s.Disk, (Disk, Source) => (Disk, Source)).ToList();
        string[] problems =
        [
            .. pairs.Where(p => p.Disk.VolumeId is null).Select(p => $"disk {p.Disk.Disk} of its server is no volume"),
            .. pairs.Where(p => p.Source.ViewSocket is null).Select(p => $"no view is named for disk {p.Disk.Disk}"),
            .. pairs.Where(p => !p.Source.Held).Select(p => $"what disk {p.Disk.Disk} of its server holds may be "
                + "nowhere else: it was started since it was last copied, or never copied (reprotect copies it)"),
            .. _volumes.OverwritingGaps(pairs.Select(p => p.Disk.Type).OfType<string>()),
        ];
        if (problems.Length > 0)
            throw new SiteException(SiteFault.Refused, $"{request.Instance}: {string.Join("; ", problems)}");
        foreach (var (disk, source) in pairs)
            await _volumes.OverwriteAsync(request, source, disk.VolumeId!, digest, ct);
    }

    // A disk that was added while the instance ran elsewhere becomes a new volume; one that was taken out goes out.
    private async Task ReplugAsync(StartRequest request, NovaServer server, IReadOnlyList<CloudDisk> own, string digest,
        CancellationToken ct)
    {
        var added = request.Disks.Where(s => own.All(d => d.Disk != s.Disk)).ToList();
        foreach (var gone in own.Where(d => d.VolumeId is not null && request.Disks.All(s => s.Disk != d.Disk)))
            await _cloud.Nova.DetachAsync(server.Id, gone.VolumeId!, ct);
        if (added.Count == 0) return;
        var mapping = CloudMapper.Map([request.Description], await _cloud.InventoryAsync(ct), _options.Map).Servers[0];
        var made = await _volumes.BuildAsync(request with { Disks = added }, mapping, digest, ct);
        foreach (var volume in made.Values)
            if (own.All(d => d.VolumeId != volume)) await _cloud.Nova.AttachAsync(server.Id, volume, ct);
        await _volumes.MarkUsedAsync(made.Values, ct);
    }

    [LoggerMessage(EventIds.ServerReturned, LogLevel.Information,
        "{Instance} is back in server {ServerId}, with what its volumes hold now")]
    private partial void LogReturned(string instance, string serverId);
}
