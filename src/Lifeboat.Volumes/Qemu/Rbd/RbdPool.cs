// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Qemu.Ceph;

namespace Lifeboat.Volumes.Qemu.Rbd;

/// <summary>Where the store makes its images; what the user may do is `profile rbd` in this pool.</summary>
/// <param name="Namespace">Of the pool; null: the pool's own.</param>
public sealed record RbdPool(CephAccess Access, string Pool, string? Namespace);
