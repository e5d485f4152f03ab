// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Sites;

namespace Lifeboat.Recovery.Sides;

/// <summary>The site a run runs at: what is never asked of another. Rules as for <see cref="ISiteSide"/>.</summary>
public interface IOwnSide : ISiteSide
{
    /// <summary>The sealed points of the replica here, oldest first.</summary>
    Task<IReadOnlyList<RecoveryPoint>> PointsAsync(string group, CancellationToken ct);
    Task PinAsync(string group, PinRequest request, CancellationToken ct);
    Task UnpinAsync(string group, string name, CancellationToken ct);
    Task<ViewInfo> OpenViewAsync(string group, ViewRequest request, CancellationToken ct);
    Task CloseViewAsync(string group, string name, CancellationToken ct);

    Task<SiteInstance> StartAsync(StartRequest request, CancellationToken ct);
    /// <summary>Stops it and removes the site's record and files of it.</summary>
    Task RemoveAsync(string instance, CancellationToken ct);
    /// <summary>Whether instances can run here together, as <see cref="ISite.FitAsync"/> says.</summary>
    /// <param name="reprotects">What these instances have here is stopped and copied before they are started.</param>
    Task<SiteFit> FitAsync(IReadOnlyList<InstanceDescription> instances, bool isolated, bool reprotects,
        CancellationToken ct);

    /// <summary>
    /// A capability of the site's driver (see ISite.cs), or <see cref="Names.INameServers"/>, or
    /// <see cref="IRestoresVolumes"/>; null when it has not got
    /// it.
    /// </summary>
    T? Ability<T>() where T : class;

    /// <summary>Until when the group's source was connected here, at the latest; null: not since it looks.</summary>
    DateTimeOffset? SourceLastSeen(string group);
    /// <summary>Requests made to that site since this controller started.</summary>
    long PeerRequests(string site);
}
