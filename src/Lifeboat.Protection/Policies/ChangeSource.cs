// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.Policies;

/// <summary>How a group's source learns what its guests write. Numbers are stored and never change.</summary>
public enum ChangeSource
{
    /// <summary>Every write, in order, as it happens.</summary>
    Continuous = 1,
    /// <summary>Now and then what QEMU's dirty bitmaps say has changed, read from an image of one moment.</summary>
    Bitmap = 2,
    /// <summary>Now and then the difference of two snapshots of the storage that the disks are in (Ceph RBD).</summary>
    SnapshotDiff = 3,
    /// <summary>Not at all: the cloud backs the volumes of a volume-only group up, and carries what changed.</summary>
    Backup = 4,
    /// <summary>Not at all: the storage that the volumes of a volume-only group are in mirrors them itself (Ceph's
    /// rbd-mirror).</summary>
    PoolMirror = 5,
}
