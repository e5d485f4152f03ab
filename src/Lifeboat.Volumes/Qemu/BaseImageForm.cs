// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Volumes.Qemu;

/// <summary>What new base images are; those that are there stay what they are.</summary>
public enum BaseImageForm { Raw = 1, Qcow2 = 2, Rbd = 3 }
