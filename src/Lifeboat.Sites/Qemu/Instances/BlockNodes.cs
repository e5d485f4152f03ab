// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;

namespace Lifeboat.Sites.Qemu.Instances;

/// <summary>
/// The block nodes of disk number N: `diskN` is what the device uses; `diskN-file`, `diskN-view` lie below it; the
/// move to native puts `diskN-native` in its place. An overlay's backing is given here and never stands in its header:
/// a view's socket is no property of the data.
/// </summary>
internal static class BlockNodes
{
    public static string Top(int order) => $"disk{order}";
    public static string File(int order) => $"disk{order}-file";
    public static string View(int order) => $"disk{order}-view";
    public static string Native(int order) => $"disk{order}-native";
    public static string NativeFile(int order) => $"disk{order}-native-file";

    /// <summary>In the order in which QEMU must be told of them.</summary>
    public static IEnumerable<JsonObject> Of(DiskRecord disk, int order, QemuSiteOptions options) => disk.Place switch
    {
        DiskPlace.File or DiskPlace.Native or DiskPlace.Pivoting =>
            [FileNode(File(order), disk.File!), FormatNode(Top(order), disk.Format ?? "raw", File(order))],
        DiskPlace.View =>
            [ViewNode(disk, order, readOnly: false, options), FormatNode(Top(order), "raw", View(order))],
        DiskPlace.Overlay => OverlayNodes(disk, order, options),
    };

    public static JsonObject FileNode(string name, string path) => new()
    {
        ["driver"] = "file",
        ["node-name"] = name,
        ["filename"] = path,
        ["discard"] = "unmap",
    };

    public static JsonObject FormatNode(string name, string format, string below) => new()
    {
        ["driver"] = format,
        ["node-name"] = name,
        ["file"] = below,
        ["discard"] = "unmap",
    };

    private static IEnumerable<JsonObject> OverlayNodes(DiskRecord disk, int order, QemuSiteOptions options)
    {
        var overlay = FormatNode(Top(order), "qcow2", File(order));
        overlay["backing"] = View(order);
        return [ViewNode(disk, order, readOnly: true, options), FileNode(File(order), disk.File!), overlay];
    }

    private static JsonObject ViewNode(DiskRecord disk, int order, bool readOnly, QemuSiteOptions options) => new()
    {
        ["driver"] = "nbd",
        ["node-name"] = View(order),
        ["server"] = new JsonObject { ["type"] = "unix", ["path"] = disk.ViewSocket },
        ["export"] = disk.ViewExport ?? "",
        ["open-timeout"] = options.ViewOpenSeconds,
        ["reconnect-delay"] = options.ViewReconnectSeconds,
        ["read-only"] = readOnly,
        ["discard"] = "unmap",
    };
}
