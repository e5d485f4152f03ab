// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts.Agents;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture.Moments;

/// <summary>Where the disk of an instance lies, as its QEMU said when it ran.</summary>
/// <param name="Index">Number of the volume in the group's journal.</param>
/// <param name="Driver">Of the format, as QEMU calls it.</param>
/// <param name="File">A path, or `json:` and QEMU's options of what is no plain file.</param>
internal sealed record DiskPlace(ushort Index, string Driver, string File)
{
    /// <exception cref="TapException">DiskNotFound: no such device, or no medium in it.</exception>
    public static DiskPlace Read(JsonElement queryBlock, SourceVolume volume) => new(volume.Index,
        BlockNode.Find(queryBlock, volume.Device).Driver, PathOf(BlockNode.FileOf(queryBlock, volume.Device)));

    /// <summary>A device has no time of its last change, and its locks are of this host only.</summary>
    public bool IsPlainFile => Driver is "raw" or "qcow2" && Path.IsPathFullyQualified(File)
        && !File.StartsWith("/dev/", StringComparison.Ordinal);

    // libvirt says of an overlay what it is based on, and QEMU then calls it by all its options.
    private static string PathOf(string file)
    {
        const string json = "json:";
        if (!file.StartsWith(json, StringComparison.Ordinal)) return file;
        using var read = JsonDocument.Parse(file[json.Length..]);
        return read.RootElement.TryGetProperty("file", out var below) && below.ValueKind is JsonValueKind.Object
            && below.TryGetProperty("driver", out var driver) && driver.ValueKind is JsonValueKind.String
            && driver.GetString() == "file" && below.TryGetProperty("filename", out var name)
            && name.ValueKind is JsonValueKind.String ? name.GetString()! : file;
    }
}
