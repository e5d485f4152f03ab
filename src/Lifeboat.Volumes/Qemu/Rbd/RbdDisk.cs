// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Qemu.Ceph;

namespace Lifeboat.Volumes.Qemu.Rbd;

/// <summary>A disk of an instance that is an image in a Ceph cluster.</summary>
/// <param name="Volume">Its number in the group's journal.</param>
public sealed record RbdDisk(ushort Volume, CephAccess Access, string Pool, string? Namespace, string Image);
