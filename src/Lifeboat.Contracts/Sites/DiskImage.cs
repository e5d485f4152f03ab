// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;

namespace Lifeboat.Contracts.Sites;

/// <summary>
/// How an image that can be read on this host is named: the path of a file, or, of what is no file, `json:` and the
/// options of QEMU's protocol driver (https://www.qemu.org/docs/master/system/qemu-block-drivers.html). Names are
/// made by site drivers and never by who asks over the API.
/// </summary>
public static class DiskImage
{
    private const string Json = "json:";

    public static bool IsFile(string name) => !name.StartsWith(Json, StringComparison.Ordinal);

    /// <summary>An image of Ceph: raw.</summary>
    public static string OfRbd(RbdSettings where, string image)
    {
        var options = new JsonObject { ["driver"] = "rbd", ["pool"] = where.Pool };
        if (where.Namespace is { } space) options["namespace"] = space;
        options["image"] = image;
        options["conf"] = where.ConfigurationFile;
        options["user"] = where.User;
        return Json + options.ToJsonString();
    }

    /// <summary>The options of what is no file.</summary>
    public static JsonObject OptionsOf(string name) => (JsonObject)JsonNode.Parse(name[Json.Length..])!;
}
