// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Qemu.Ceph;

/// <summary>How a Ceph cluster is reached, by its tools and by QEMU alike.</summary>
/// <param name="ConfigurationFile">`ceph.conf` with the monitors, and where the user's key is.</param>
/// <param name="User">Without `client.`.</param>
/// <param name="AnswersWithin">What has not answered by then counts as unreachable.</param>
public sealed record CephAccess(string ConfigurationFile, string User, TimeSpan AnswersWithin);
