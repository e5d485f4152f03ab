// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Replication.Replicas;
using Lifeboat.Volumes.Qemu;

namespace Lifeboat.Tests.Volumes.Qemu;

/// <summary>Images in files whose daemons are given up as those of images in a cluster are, but sooner.</summary>
internal sealed class ImpatientImages(IQemuImages images) : IQemuImages
{
    public TimeSpan? AnswerLimit => TimeSpan.FromSeconds(1);

    public string MarkOf(BaseImageSpec spec) => images.MarkOf(spec);
    public string NameOf(BaseImageSpec spec) => images.NameOf(spec);
    public Task CreateAsync(BaseImageSpec spec, string? seed, CancellationToken ct) =>
        images.CreateAsync(spec, seed, ct);
    public Task<JsonObject> NodeAsync(BaseImageSpec spec, CancellationToken ct) => images.NodeAsync(spec, ct);
    public Task GrowAsync(BaseImageSpec spec, long sizeBytes, CancellationToken ct) =>
        images.GrowAsync(spec, sizeBytes, ct);
    public Task DeleteAsync(BaseImageSpec spec, CancellationToken ct) => images.DeleteAsync(spec, ct);
    public Task DeleteGroupAsync(string group, CancellationToken ct) => images.DeleteGroupAsync(group, ct);
    public Task<long?> FreeBytesAsync(CancellationToken ct) => images.FreeBytesAsync(ct);
}
