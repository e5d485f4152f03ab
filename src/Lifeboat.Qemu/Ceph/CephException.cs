// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Qemu.Ceph;

/// <summary>
/// Unreachable: no answer in time, wrong key, no configuration file, or no tools; NotFound: pool, image or snapshot;
/// Busy: somebody has the image open, or the snapshot is protected.
/// </summary>
public enum CephFault { Unreachable = 1, NotFound = 2, Exists = 3, Busy = 4, Full = 5, Refused = 6 }

/// <summary>What a tool of Ceph's said, and what to do about it.</summary>
public sealed class CephException(CephFault fault, string message, Exception? cause = null)
    : Exception(message, cause)
{
    public CephFault Fault => fault;
}
