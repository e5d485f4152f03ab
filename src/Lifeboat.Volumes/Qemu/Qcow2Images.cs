// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Replication.Replicas;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Volumes.Qemu;

/// <summary>Files `root/group/base/volume.qcow2`; made under another name, flushed and renamed.</summary>
internal sealed class Qcow2Images(string root) : IQemuImages
{
    public TimeSpan? AnswerLimit => null;

    public string MarkOf(BaseImageSpec spec) => Path.Combine(root, spec.Group, "base", spec.Volume + ".qcow2");

    public string NameOf(BaseImageSpec spec) => MarkOf(spec);

    public async Task CreateAsync(BaseImageSpec spec, string? seed, CancellationToken ct)
    {
        var image = MarkOf(spec);
        var aside = image + ".new";
        Directory.CreateDirectory(Path.GetDirectoryName(image)!);
        File.Delete(aside);
        await QemuImg.RunAsync(seed is null
            ? ["create", "-q", "-f", "qcow2", aside, $"{spec.SizeBytes}"]
            : ["convert", "-q", "-f", "raw", "-O", "qcow2", seed, aside], ct);
        using (var file = RawFile.Open(aside, FileMode.Open)) file.Flush();
        File.Move(aside, image);
    }

    public Task<JsonObject> NodeAsync(BaseImageSpec spec, CancellationToken ct) => Task.FromResult(new JsonObject
    {
        ["driver"] = "qcow2", ["discard"] = "unmap",
        ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = MarkOf(spec) },
    });

    public async Task GrowAsync(BaseImageSpec spec, long sizeBytes, CancellationToken ct)
    {
        await QemuImg.RunAsync(["resize", "-q", "-f", "qcow2", MarkOf(spec), $"{sizeBytes}"], ct);
        using var file = RawFile.Open(MarkOf(spec), FileMode.Open);
        file.Flush();
    }

    public Task DeleteAsync(BaseImageSpec spec, CancellationToken ct)
    {
        foreach (var file in new[] { MarkOf(spec), MarkOf(spec) + ".new" })
            if (File.Exists(file)) File.Delete(file);
        return Task.CompletedTask;
    }

    // They are files of the directory.
    public Task DeleteGroupAsync(string group, CancellationToken ct) => Task.CompletedTask;

    public Task<long?> FreeBytesAsync(CancellationToken ct) => Task.FromResult<long?>(null);
}
