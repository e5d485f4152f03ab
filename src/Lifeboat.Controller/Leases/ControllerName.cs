// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Controller.Leases;

/// <summary>This controller among those of its site.</summary>
/// <param name="Name">`default`, or as it was added.</param>
/// <param name="Url">Where paired sites reach it.</param>
internal sealed record ControllerName(string Name, string Url)
{
    public static ControllerName Of(SiteConfiguration site) =>
        new(site.Controller, $"https://{site.ControllerListen}");

    /// <summary>Of this process: one that is started again is another holder, and what its predecessor wrote last
    /// is refused.</summary>
    public string Id { get; } = $"{Name}/{Guid.NewGuid():n}";
}
