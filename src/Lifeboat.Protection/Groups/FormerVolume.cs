// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;

namespace Lifeboat.Protection.Groups;

/// <summary>
/// A volume that the group had and gave up: a failover went to a point that is older than the volume. Its state stays
/// where its instance had it, as everything that gives way.
/// </summary>
/// <param name="Volume">As it was in the group; another volume may have its index since.</param>
/// <param name="Disk">As it was in the description of its instance.</param>
/// <param name="Site">Whose disk it is.</param>
/// <param name="GivenUp">The epoch that the failover raised the group to.</param>
public sealed record FormerVolume(GroupVolume Volume, InstanceDisk Disk, string Site, Epoch GivenUp);
