// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Contracts.Api;

/// <summary>What is to be known before anybody chooses between two sides that both wrote.</summary>
public sealed record DivergenceInfo
{
    public required string Group { get; init; }
    /// <summary>Null: nobody found that both sides wrote; the fork is that of a failover from a dead site.</summary>
    public DivergenceNotice? Notice { get; init; }
    /// <summary>The last state that both sides have in common.</summary>
    public required GroupFork Fork { get; init; }
    public required IReadOnlyList<SideChanges> Sides { get; init; }
    /// <summary>Every figure is whole; else ask again.</summary>
    public bool Done => Sides.All(s => s.Done);
}

/// <summary>How a side's changes are known.</summary>
public enum ChangesFrom
{
    /// <summary>They are not: the detail says why. A resync finds them by comparing hashes.</summary>
    Nowhere = 1,
    /// <summary>
    /// QEMU's change map: every block written since the recovery site last confirmed a map, so at most some seconds of
    /// writes from before the fork are in it too; what was received after the fork point and is in no point may be
    /// missing in it.
    /// </summary>
    ChangeMap = 2,
    /// <summary>The disks were compared with the fork point, block by block of 4 KiB.</summary>
    Comparison = 3,
}

/// <param name="Epoch">In which it wrote after the fork.</param>
/// <param name="Was">Its role before the fork: `primary` or `recovery`, as the choices name it.</param>
/// <param name="Runs">Its instances run now.</param>
/// <param name="LastWrittenAt">Newest write to any of its disks, by its own clock; null: cannot be told.</param>
/// <param name="Bytes">Changed since the fork; null: not known.</param>
/// <param name="Progress">0 to 1, while it is not done.</param>
/// <param name="Detail">Why something is not known.</param>
public sealed record SideChanges(string Site, Epoch Epoch, string Was, bool Runs, DateTimeOffset? LastWrittenAt,
    ChangesFrom From, long? Bytes, long? Extents, bool Done, double Progress, IReadOnlyList<VolumeChanges> Volumes,
    string? Detail);
