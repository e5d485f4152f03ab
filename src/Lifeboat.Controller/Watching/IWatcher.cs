// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Controller.Watching;

/// <summary>Draws its conclusions from each observation of the site, in the order that they were made.</summary>
internal interface IWatcher
{
    /// <summary>Only one controller of a site draws these conclusions at a time.</summary>
    bool IsAlone => true;

    Task SeeAsync(Observation observation, CancellationToken ct);
}
