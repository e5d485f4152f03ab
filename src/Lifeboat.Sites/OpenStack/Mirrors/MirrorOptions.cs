// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.Filling;

namespace Lifeboat.Sites.OpenStack.Mirrors;

/// <summary>The pool whose volumes rbd-mirror carries to the other cloud, under `options.mirror` in
/// `site.json`.</summary>
public sealed record MirrorOptions
{
    /// <summary>The volume type of what is in the pool; `options.volumes` says where that is.</summary>
    public required string VolumeType { get; init; }
    /// <summary>Whom Cinder asks to take an image in as a volume: host@backend#pool, as `cinder get-pools` has
    /// it.</summary>
    public required string Host { get; init; }
    /// <summary>How long one look waits for what is to arrive before it says that it has not.</summary>
    public TimeSpan ArrivalLimit { get; init; } = TimeSpan.FromMinutes(1);

    public IEnumerable<string> Problems(IReadOnlyDictionary<string, VolumePlace> volumes)
    {
        if (!Host.Contains('@')) yield return $"host is '{Host}'; it must be host@backend#pool";
        if (ArrivalLimit <= TimeSpan.Zero) yield return "arrivalLimit must be positive";
        if (volumes.GetValueOrDefault(VolumeType)?.Rbd is not { } pool)
            yield return $"volumeType is '{VolumeType}', and options.volumes has no pool of Ceph for that type";
        else if (pool.Namespace is not null)
            yield return $"volumeType is '{VolumeType}', which is in a namespace of its pool: only whole pools are "
                + "mirrored";
    }
}
