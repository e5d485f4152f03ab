// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Volumes.Qemu.Rbd;

/// <summary>How a Ceph cluster is reached, by its tools and by QEMU alike.</summary>
/// <param name="ConfigurationFile">`ceph.conf` with the monitors, and where the user's key is.</param>
/// <param name="User">Without `client.`.</param>
/// <param name="AnswersWithin">What has not answered by then counts as unreachable.</param>
public sealed record CephAccess(string ConfigurationFile, string User, TimeSpan AnswersWithin);

/// <summary>Where the store makes its images; what the user may do is `profile rbd` in this pool.</summary>
/// <param name="Namespace">Of the pool; null: the pool's own.</param>
public sealed record RbdPool(CephAccess Access, string Pool, string? Namespace);
