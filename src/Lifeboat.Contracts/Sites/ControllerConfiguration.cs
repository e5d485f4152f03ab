// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Contracts.Sites;

/// <summary>
/// `controller.json`: says that a directory is that of a further controller of the site, and where this one listens.
/// Everything else is the site's. Written by `lifeboat controller add`.
/// </summary>
/// <param name="Name">Its name in the site.</param>
/// <param name="Listen">`address:port` where paired sites reach it (HTTPS).</param>
/// <param name="MetricsListen">`address:port` of its listener for machines, as `controllerMetricsListen` of
/// `site.json` is the default one's; null: none.</param>
public sealed record ControllerConfiguration(string Name, string Listen, string? MetricsListen = null)
{
    /// <summary>The controller that every site has.</summary>
    public const string DefaultName = "default";

    public IEnumerable<string> Problems()
    {
        if (!EntityName.IsValid(Name)) yield return $"name is '{Name}'; {EntityName.Rule}";
        else if (Name == DefaultName) yield return $"name is '{Name}', which is the controller that every site has";
        if (!ListenAddress.IsValid(Listen)) yield return $"listen is '{Listen}'; {ListenAddress.Rule}";
        if (MetricsListen is not null && !ListenAddress.IsValid(MetricsListen))
            yield return $"metricsListen is '{MetricsListen}'; {ListenAddress.Rule}";
    }
}
