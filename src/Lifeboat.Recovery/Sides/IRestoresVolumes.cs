// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Recovery.Sides;

/// <summary>Restores points of groups that are moved by their clouds. Rules as for <see cref="ISiteSide"/>.</summary>
public interface IRestoresVolumes
{
    /// <summary>New volumes with what a point holds; what the run made already is kept.</summary>
    /// <param name="tag">Of the run: by it they are found and removed.</param>
    /// <param name="copies">For a drill; else they are the group's volumes from now on.</param>
    Task<IReadOnlyList<SiteVolume>> RestoreAsync(string group, Guid point, string tag, bool copies,
        Action<double> report, CancellationToken ct);
    /// <summary>The mirrored images of a group are its volumes here from now on; what the run took over already is
    /// kept.</summary>
    /// <param name="lost">The site that is left is presumed lost; else it has demoted them.</param>
    Task<IReadOnlyList<SiteVolume>> TakeOverAsync(string group, Guid point, string tag, bool lost,
        CancellationToken ct);
    /// <summary>Removing what is gone succeeds.</summary>
    Task RemoveRestoredAsync(string tag, CancellationToken ct);
    /// <summary>What a run restored and is still there.</summary>
    Task<IReadOnlyList<SiteVolume>> RestoredAsync(string tag, CancellationToken ct);
}
