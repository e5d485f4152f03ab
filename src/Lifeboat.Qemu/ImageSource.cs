// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;

namespace Lifeboat.Qemu;

/// <summary>
/// What lies at the bottom of an image by what QEMU calls it (`filename` of ImageInfo): a path or URL, or `json:` and
/// the options of its nodes, of which the last `file` counts.
/// </summary>
/// <param name="Driver">Of that node; null: QEMU gave a plain name.</param>
/// <param name="Name">Path, or POOL/IMAGE in Ceph; empty: it has none.</param>
public readonly record struct ImageSource(string? Driver, string Name)
{
    public static ImageSource Read(string filename)
    {
        const string json = "json:";
        if (!filename.StartsWith(json, StringComparison.Ordinal)) return new ImageSource(null, filename);
        using var read = JsonDocument.Parse(filename[json.Length..]);
        var node = read.RootElement;
        while (node.TryGetProperty("file", out var below) && below.ValueKind == JsonValueKind.Object) node = below;
        var driver = Text(node, "driver");
        return new ImageSource(driver, driver == "rbd"
            ? string.Join('/', new[] { Text(node, "pool"), Text(node, "namespace"), Text(node, "image") }
                .Where(p => p.Length > 0))
            : Text(node, "filename"));
    }

    private static string Text(JsonElement node, string name) =>
        node.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
}
