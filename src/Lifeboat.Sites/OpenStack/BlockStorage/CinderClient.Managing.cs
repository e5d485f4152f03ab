// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.BlockStorage;

internal sealed partial class CinderClient
{
    /// <summary>
    /// One attempt to take what is in the storage already in as a volume of the project that the login is of. For
    /// administrators only.
    /// </summary>
    /// <param name="host">host@backend#pool.</param>
    /// <param name="source">Its name there; the driver gives it another one.</param>
    public async Task<CinderVolume> ManageVolumeAsync(string host, string source, NewManaged volume,
        CancellationToken ct) => (await session.PostAsync(Cinder, "manageable_volumes", new JsonObject
        {
            ["volume"] = new JsonObject
            {
                ["host"] = host,
                ["ref"] = new JsonObject { ["source-name"] = source },
                ["name"] = volume.Name,
                ["description"] = volume.Description,
                ["volume_type"] = volume.VolumeType,
                ["bootable"] = volume.Bootable,
            },
        }, CinderJson.Default.JsonObject, CinderJson.Default.VolumeAnswer, ct)).Volume;

    /// <summary>Forgets a volume; what it holds stays in the storage. For administrators only.</summary>
    public Task UnmanageAsync(string volume, CancellationToken ct) => ActAsync(volume,
        new JsonObject { ["os-unmanage"] = new JsonObject() }, ct);
}

internal sealed record NewManaged(string Name, string Description, string VolumeType, bool Bootable);
