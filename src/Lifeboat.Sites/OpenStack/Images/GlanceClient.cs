// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Images;

/// <summary>The Image API, as far as images are described.</summary>
internal sealed class GlanceClient(CloudSession session)
{
    public Task<IReadOnlyList<GlanceImage>> ImagesAsync(CancellationToken ct) =>
        session.ListAsync<ImagePage, GlanceImage>(CloudApi.Image, "images?limit=100", GlanceJson.Default.ImagePage,
            ct);

    public Task<GlanceImage?> FindImageAsync(string id, CancellationToken ct) =>
        session.FindAsync(CloudApi.Image, $"images/{Uri.EscapeDataString(id)}", GlanceJson.Default.GlanceImage,
            ct);
}
