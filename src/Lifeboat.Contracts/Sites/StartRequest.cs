// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;

namespace Lifeboat.Contracts.Sites;

/// <summary>How to start an instance.</summary>
public sealed record StartRequest
{
    /// <summary>Name at the site; a drill's copy has another one than production.</summary>
    public required string Instance { get; init; }
    public required InstanceDescription Description { get; init; }
    public required IReadOnlyList<DiskSource> Disks { get; init; }
    /// <summary>Null: the production networks.</summary>
    public string? Bubble { get; init; }
    /// <summary>Null: the default host.</summary>
    public string? Host { get; init; }
}

/// <summary>What a disk starts from.</summary>
/// <param name="Disk">The disk's name in the description.</param>
/// <param name="File">An existing image of the site (raw or qcow2), used in place.</param>
/// <param name="ViewSocket">NBD unix socket of a point-in-time view; with <paramref name="ViewExport"/>.</param>
/// <param name="KeepWrites">
/// True (failover): writes go to a volume of the site's own over the read-only view, and move to native later.
/// False (drill): writes go to the view and vanish with it.
/// </param>
public sealed record DiskSource(string Disk, string? File, string? ViewSocket, string? ViewExport, bool KeepWrites)
{
    /// <summary>Id of a volume of the site's cloud.</summary>
    public string? CloudVolume { get; init; }
    /// <summary>
    /// What the instance's own disk at the site holds is in the group's history, or kept beside it, and nothing was
    /// written to it since: it may be written over (I5). It is found out at the site, see
    /// <see cref="SiteInstance.Stint"/>.
    /// </summary>
    public bool Held { get; init; }
    /// <summary>What the view is of, for a site that keeps standing volumes; null: it is not known.</summary>
    public ViewPoint? Point { get; init; }
}

/// <summary>One volume of a replica at one sequence.</summary>
/// <param name="Volume">Its name in the group.</param>
public sealed record ViewPoint(string Group, string Volume, Guid Replica, long Sequence);
