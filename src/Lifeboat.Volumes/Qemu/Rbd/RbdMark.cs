// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Volumes.Qemu.Rbd;

/// <summary>
/// Which image is a volume's base: `root/group/base/volume.rbd`. Under `volume.rbd.new` it is being made, and whatever
/// it names is nobody's.
/// </summary>
internal sealed record RbdMark(string Pool, string? Namespace, string Image)
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    public override string ToString() => Namespace is null ? $"{Pool}/{Image}" : $"{Pool}/{Namespace}/{Image}";

    /// <summary>As the `rbd` tool takes it.</summary>
    [JsonIgnore]
    public string[] Arguments => Namespace is null
        ? ["--pool", Pool, "--image", Image]
        : ["--pool", Pool, "--namespace", Namespace, "--image", Image];

    /// <summary>Null: it was being written when the host went, so that nothing it would have named was made.</summary>
    public static RbdMark? TryRead(string file)
    {
        try
        {
            return JsonSerializer.Deserialize<RbdMark>(File.ReadAllBytes(file), Json);
        }
        catch (JsonException)
        {
            return null;
        }
        catch (Exception e) when (StorageErrors.IsOurs(e))
        {
            throw StorageErrors.From(e, file);
        }
    }

    public void Write(string file)
    {
        using (var raw = RawFile.Open(file, FileMode.Create))
        {
            raw.Write(0, JsonSerializer.SerializeToUtf8Bytes(this, Json));
            raw.Flush();
        }
        Posix.SyncDirectoryOf(file);
    }
}
