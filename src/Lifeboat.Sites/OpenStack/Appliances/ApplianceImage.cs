// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Images;

namespace Lifeboat.Sites.OpenStack.Appliances;

/// <summary>The image of appliances in the project: the one whose digest is that of the file here.</summary>
internal sealed class ApplianceImage(CloudClients cloud, string file, BuildLimits limits, TimeProvider time)
{
    public const string Name = "lifeboat-appliance";
    public const string DigestProperty = "lifeboat_sha256";
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private string? _digest;

    /// <summary>Uploaded when it is not there.</summary>
    /// <returns>Its id.</returns>
    /// <exception cref="CloudException">It cannot be made.</exception>
    /// <exception cref="SiteException">Refused: the file cannot be read.</exception>
    public async Task<string> MakeAsync(CancellationToken ct)
    {
        var start = time.GetTimestamp();
        var digest = await DigestAsync(ct);
        var made = await MakeOnce.SharedAsync(c => FindAsync(digest, c),
            c => cloud.Glance.CreateImageAsync(Wanted(digest), c),
            (i, c) => cloud.Glance.DeleteImageAsync(i.Id, c), i => (i.Id, i.CreatedAt), time, ct);
        while (made.Status != "active")
        {
            // Also what an upload that was cut off has left.
            if (made.Status == "queued") await UploadAsync(made.Id, ct);
            if (time.GetElapsedTime(start) >= limits.Build)
                throw new CloudException(CloudFault.TooSlow, $"image {Name} ({made.Id}) is still {made.Status}");
            made = await cloud.Glance.FindImageAsync(made.Id, ct) ?? throw new CloudException(CloudFault.NotFound,
                $"image {Name} ({made.Id}) is gone while it was uploaded");
            if (made.Status != "active") await Task.Delay(Look, time, ct);
        }
        return made.Id;
    }

    /// <summary>What keeps it from being there.</summary>
    public string? Gap() => File.Exists(file) ? null
        : $"options.appliances.image: {file} is not there; kit/appliance/image builds it";

    private async Task<string> DigestAsync(CancellationToken ct)
    {
        if (_digest is not null) return _digest;
        try
        {
            await using var content = File.OpenRead(file);
            return _digest = Convert.ToHexStringLower(await SHA256.HashDataAsync(content, ct));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SiteException(SiteFault.Refused, $"the image of appliances cannot be read: {e.Message}", e);
        }
    }

    private async Task<IReadOnlyList<GlanceImage>> FindAsync(string digest, CancellationToken ct) =>
    [
        .. (await cloud.Glance.ImagesAsync(Name, ct)).Where(i => i.Status is "active" or "queued" or "saving"
            && i.Properties.GetValueOrDefault(DigestProperty) == digest).OrderBy(i => i.CreatedAt),
    ];

    private async Task UploadAsync(string id, CancellationToken ct)
    {
        try
        {
            await cloud.Glance.UploadAsync(id, await File.ReadAllBytesAsync(file, ct), ct);
        }
        catch (CloudException e) when (e.Fault is CloudFault.Conflict)
        {
            // Another controller does it.
        }
    }

    // Volumes are virtio disks, whose serials name them; a CD at virtio SCSI is there on any kind of machine.
    private static JsonObject Wanted(string digest) => new()
    {
        ["name"] = Name,
        ["visibility"] = "private",
        ["disk_format"] = "qcow2",
        ["container_format"] = "bare",
        ["min_disk"] = 1,
        ["min_ram"] = ApplianceSettings.MemoryMiB,
        ["hw_firmware_type"] = "bios",
        ["hw_disk_bus"] = "virtio",
        ["hw_cdrom_bus"] = "scsi",
        ["hw_scsi_model"] = "virtio-scsi",
        ["hw_vif_model"] = "virtio",
        ["hw_rng_model"] = "virtio",
        [DigestProperty] = digest,
    };
}
