// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Controller.Identity;

/// <summary>
/// Where paired sites reach a site: the URLs of its controllers, `,` between them, the default one's first.
/// </summary>
internal sealed class ControllerUrls(SitePaths paths)
{
    /// <summary>As its directories say now; a controller that was just added is in it.</summary>
    public string OfThisSite => string.Join(',', paths.FurtherControllers().Select(paths.OfController).Prepend(paths)
        .Select(place => $"https://{SiteConfiguration.Read(place.Root).ControllerListen}"));

    /// <summary>Null: it has one controller, whose URL peers know from the pairing.</summary>
    public string? IfSeveral => paths.FurtherControllers().Count > 0 ? OfThisSite : null;

    public static IReadOnlyList<string> Split(string urls) => urls.Split(',', StringSplitOptions.RemoveEmptyEntries);

    public static bool AreValid(string urls) => Split(urls) is { Count: > 0 and <= 16 } all
        && all.All(url => Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttps);
}
