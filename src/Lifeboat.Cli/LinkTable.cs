// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection.Links;

namespace Lifeboat.Cli;

/// <summary>How a link reads: the cap that holds now first.</summary>
internal static class LinkTable
{
    public static void Write(CommandOutput output, LinkStatus link) => output.WriteFacts(link,
    [
        ("link to", link.Peer),
        ("cap now", link.BytesPerSecond is { } rate ? DataRate.Text(rate) : "none"),
        ("cap", link.Settings.Cap ?? "none"),
        .. link.Settings.Windows.Select(w => ("window", (string?)w)),
        ("time zone", link.Settings.Windows.Count == 0 ? null : link.Settings.TimeZone),
        ("compression", Show.Name(link.Settings.Compression)),
        .. (link.Paths ?? []).Select(p => ("path", (string?)Path(p))),
        ("sent", $"{Show.Bytes(link.WireBytes)} since the agent started"),
    ]);

    private static string Path(LinkPathStatus path) => $"{path.Path}: {path.Up} of {path.Wanted} up, "
        + $"{Show.Bytes(path.WireBytes)} sent, {Show.Bytes(path.MovedBytes)} of it again elsewhere"
        + (path.Detail is null ? "" : $" ({path.Detail})");
}
