// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Replicas.Checksums;

/// <summary>Blocks of a base image that cannot be believed.</summary>
/// <param name="Sums">It is the table that is damaged: nobody can vouch for these blocks.</param>
internal readonly record struct BaseDamage(ushort Volume, long Offset, long Length, bool Sums);
