// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;

namespace Lifeboat.Sites.OpenStack;

internal sealed partial class OpenStackSite : IRestartsInstances, IMovesToNative
{
    // Its own server is there, and what that holds is held: see Returning.
    // Same request: running -> what is missing around it; stopped -> started; failed or half built -> built anew or
    // waited for.
    // Another request: running -> refused; stopped -> removed and built anew, from new volumes or those that it names.
    public Task<SiteInstance> StartAsync(StartRequest request, CancellationToken ct) => AloneAsync(request.Instance,
        async () =>
        {
            var digest = Digest(request);
            if (await FindAsync(request.Instance, ct) is { } named)
            {
                if (Returns(named, request, digest))
                {
                    await ReturnAsync(request, named, digest, ct);
                    return await DescribeAsync(request.Instance, await KnownAsync(request.Instance, ct),
                        await _cloud.InventoryAsync(ct), ct);
                }
                if (ServerNames.Tagged(named) is null)
                    throw new SiteException(SiteFault.InstanceExists,
                        $"{NameTaken(named)}, or start under another name");
            }
            var server = (await _builder.FindAsync(request.Instance, ct)).FirstOrDefault();
            var same = server is not null && IsSame(server, digest);
            if (server is not null && !same && server.Status is not ("SHUTOFF" or "ERROR"))
                throw new SiteException(SiteFault.InstanceExists, $"an instance '{request.Instance}' is "
                    + $"{server.Status} already, from another request; stop it first, or start under another name");
            if (server is { Status: "SHUTOFF" } && same) await _cloud.Nova.StartServerAsync(server.Id, ct);
            else if (server is { Status: "SHUTOFF" or "ERROR" }) await RetireAsync(request.Instance, server, ct);
            // Of one that runs too, whatever a killed controller left undone is done.
            await BuildAsync(request, digest, ct);
            var built = (await _builder.FindAsync(request.Instance, ct))[0];
            _ids[request.Instance] = built.Id;
            return await DescribeAsync(request.Instance, built, await _cloud.InventoryAsync(ct), ct);
        }, ct);

    /// <summary>Starts it as Nova has it.</summary>
    public Task RestartAsync(string instance, CancellationToken ct) => AloneAsync(instance, async () =>
    {
        var server = await KnownAsync(instance, ct);
        if (server.Status == "ACTIVE") return true;
        await _cloud.Nova.StartServerAsync(server.Id, ct);
        await _wait.UntilAsync(server.Id, "ACTIVE", _options.BuildLimit, ct);
        return true;
    }, ct);

    /// <summary>A server runs from volumes of its own from the start: they were filled before it was built.</summary>
    public Task MoveToNativeAsync(string instance, IProgress<double> progress, CancellationToken ct) =>
        AskAsync(async () =>
        {
            await KnownAsync(instance, ct);
            progress.Report(1);
            return true;
        });

    /// <summary>
    /// Asks the guest through Nova, which pulls the plug when it takes too long. That is seen from how long it took,
    /// and then is no clean shutdown.
    /// </summary>
    public Task ShutDownAsync(string instance, TimeSpan limit, CancellationToken ct) => AloneAsync(instance, async () =>
    {
        var server = await KnownAsync(instance, ct);
        if (server.Status == "SHUTOFF") return true;
        if (server.Status != "ACTIVE")
            throw new SiteException(SiteFault.Refused, $"{instance} is {server.Status}, so it cannot be shut down");
        await _cloud.Nova.StopServerAsync(server.Id, ct);
        await _wait.UntilAsync(server.Id, "SHUTOFF", limit, ct);
        if (await _cloud.Nova.FindStopAsync(server.Id, ct) is not { } took || took >= _options.NovaShutdownTimeout)
            throw new SiteException(SiteFault.Timeout, $"{instance}: the guest did not shut down within "
                + $"{_options.NovaShutdownTimeout.TotalSeconds:0} s and Nova pulled its plug; it is stopped, and what "
                + "it had not flushed is lost");
        await MarkShutDownAsync(server.Id, ct);
        return true;
    }, ct);

    // What its guest wrote stays when it is built anew from another point (I5).
    private async Task RetireAsync(string instance, NovaServer server, CancellationToken ct)
    {
        if (server.LaunchedAt is not null)
            await _volumes.MarkUsedAsync((await _cloud.Nova.AttachmentsAsync(server.Id, ct)).Select(a => a.VolumeId),
                ct);
        else if (server is { HostId: "" }) await _volumes.TrustAsync(instance, ct);
        await _builder.RemoveAsync(instance, ct);
    }

    private async Task BuildAsync(StartRequest request, string digest, CancellationToken ct)
    {
        var mapping = await MappingAsync(request, ct);
        var bubble = request.Bubble is { } drill ? await _bubbles.FindAsync(drill, request.Description, ct) : null;
        var filled = await _volumes.BuildAsync(request, mapping, digest, ct);
        var order = new BuildOrder(request.Instance, ServerNameOf(request), request.Description, mapping,
            request.Description.Disks.ToDictionary(d => d.Name,
                d => VolumeOf(request, d.Name) ?? filled[d.Name], StringComparer.Ordinal),
            _options.Map.NewAddresses.ToHashSet(StringComparer.Ordinal), digest)
        {
            Bubble = bubble, BeforeServer = c => _volumes.DoubtAsync(request.Instance, c),
        };
        var placed = await HoldingAsync(_building, () => _builder.PlaceAsync(order, ct), ct);
        await _builder.FinishAsync(order, placed, ct);
        await _volumes.MarkUsedAsync(filled.Values, ct);
    }

    private async Task<ServerMapping> MappingAsync(StartRequest request, CancellationToken ct)
    {
        var mapping = CloudMapper.Map([request.Description], await _cloud.InventoryAsync(ct), _options.Map,
            request.Bubble is not null).Servers[0];
        var fromViews = request.Disks.Any(d => d is { ViewSocket: not null, CloudVolume: null });
        string[] missing =
        [
            .. mapping.Gaps,
            .. fromViews ? _volumes.Gaps(mapping) : [],
            .. request.Description.Disks.Count == 0 ? new[] { "it has no disk to boot from" } : [],
            .. request.Description.Disks.Where(d => !request.Disks.Any(s => s.Disk == d.Name
                && (s.CloudVolume is not null || s.ViewSocket is not null)))
                .Select(d => $"disk '{d.Name}': neither a view nor a volume of this cloud is named for it"),
        ];
        return missing.Length == 0 ? mapping
            : throw new SiteException(SiteFault.Refused, $"{request.Instance}: {string.Join("; ", missing)}");
    }

    // A drill's copy is not to be taken for the server that it is a copy of.
    private static string ServerNameOf(StartRequest request) =>
        request.Bubble is null && request.Instance == request.Description.Name
            ? CloudMapper.AsServer(request.Description).ServerName : request.Instance;

    private static string? VolumeOf(StartRequest request, string disk) =>
        request.Disks.FirstOrDefault(d => d.Disk == disk)?.CloudVolume;

    private static bool IsSame(NovaServer server, string digest) =>
        server.Metadata?.GetValueOrDefault(BuildOrder.DigestKey) == digest;
}
