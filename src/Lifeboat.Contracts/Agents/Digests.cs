// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;

namespace Lifeboat.Contracts.Agents;

/// <summary>
/// What the disks of a group hold, as one number: the same at the recovery site, of a point, and at the primary, of
/// disks that nobody writes. SHA-256 (hex) of a line for each volume, by index: `index name bytes digest` and LF.
/// </summary>
/// <param name="PointId">The recovery point; null: the disks at the source.</param>
/// <param name="Sequence">Of the point; null: the disks at the source.</param>
public sealed record GroupDigest(string Digest, Guid? PointId, long? Sequence, IReadOnlyList<VolumeDigest> Volumes)
{
    public static GroupDigest Of(Guid? point, long? sequence, IReadOnlyList<VolumeDigest> volumes)
    {
        var lines = string.Concat(volumes.OrderBy(v => v.Index)
            .Select(v => FormattableString.Invariant($"{v.Index} {v.Name} {v.SizeBytes} {v.Digest}\n")));
        return new GroupDigest(
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines))), point, sequence, volumes);
    }
}

/// <param name="Digest">SHA-256 tree over chunks of 1 MiB, hex; docs/formats/digest.md.</param>
public sealed record VolumeDigest(ushort Index, string Name, long SizeBytes, string Digest);

/// <summary>Asks for the digest of a group's disks at the source.</summary>
/// <param name="Stopped">Raw files of disks whose instance is not running, by volume; the others are read through
/// their instance, which must be paused.</param>
public sealed record SourceDigestRequest(IReadOnlyList<StoppedDisk> Stopped);

public sealed record StoppedDisk(ushort Index, string File);
