// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Images;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Sites.OpenStack.Describing;

/// <summary>All that the services say of one server.</summary>
/// <param name="Image">Null: it has none, or it is gone.</param>
internal sealed record ServerFacts(NovaServer Server, IReadOnlyList<NovaAttachment> Attachments,
    IReadOnlyList<CinderVolume> Volumes, IReadOnlyList<NeutronPort> Ports, GlanceImage? Image)
{
    public static async Task<ServerFacts> ReadAsync(CloudClients cloud, NovaServer server, CancellationToken ct)
    {
        var attachments = cloud.Nova.AttachmentsAsync(server.Id, ct);
        var ports = cloud.Neutron.PortsAsync(server.Id, ct);
        var image = server.ImageId is { } id ? await cloud.Glance.FindImageAsync(id, ct) : null;
        var volumes = new List<CinderVolume>();
        foreach (var attachment in await attachments)
            volumes.Add(await cloud.Cinder.FindVolumeAsync(attachment.VolumeId, ct)
                ?? throw new CloudException(CloudFault.NotFound,
                    $"server {server.Name}: volume {attachment.VolumeId}, which Nova has in it, is not in Cinder"));
        return new ServerFacts(server, await attachments, volumes, await ports, image);
    }
}
