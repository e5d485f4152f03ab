// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Images;

/// <summary>The Image API, as far as images are described, and ours is uploaded.</summary>
internal sealed class GlanceClient(CloudSession session)
{
    public Task<IReadOnlyList<GlanceImage>> ImagesAsync(CancellationToken ct) =>
        session.ListAsync<ImagePage, GlanceImage>(CloudApi.Image, "images?limit=100", GlanceJson.Default.ImagePage,
            ct);

    public Task<GlanceImage?> FindImageAsync(string id, CancellationToken ct) =>
        session.FindAsync(CloudApi.Image, $"images/{Uri.EscapeDataString(id)}", GlanceJson.Default.GlanceImage,
            ct);

    /// <summary>Names are not unique.</summary>
    public Task<IReadOnlyList<GlanceImage>> ImagesAsync(string name, CancellationToken ct) =>
        session.ListAsync<ImagePage, GlanceImage>(CloudApi.Image,
            $"images?limit=100&name={Uri.EscapeDataString(name)}", GlanceJson.Default.ImagePage, ct);

    /// <summary>One attempt to make an image without content; whoever calls looks for it before.</summary>
    public Task<GlanceImage> CreateImageAsync(JsonObject image, CancellationToken ct) =>
        session.PostAsync(CloudApi.Image, "images", image, GlanceJson.Default.JsonObject,
            GlanceJson.Default.GlanceImage, ct);

    /// <exception cref="CloudException">Conflict: it has content, or somebody uploads it.</exception>
    public Task UploadAsync(string id, byte[] content, CancellationToken ct) => session.UploadAsync(CloudApi.Image,
        $"images/{Uri.EscapeDataString(id)}/file", content, ct);

    public Task DeleteImageAsync(string id, CancellationToken ct) =>
        session.DeleteAsync(CloudApi.Image, $"images/{Uri.EscapeDataString(id)}", ct);
}
