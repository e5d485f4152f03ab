// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Mapping;

/// <summary>
/// `options.map` in `site.json`: what the operator of a recovery cloud says of things of the other one, by their name
/// there. A name or an id at this cloud; what is not said is proposed.
/// </summary>
public sealed record RecoveryMap
{
    public IReadOnlyDictionary<string, string> Flavors { get; init; } = new Dictionary<string, string>();
    public IReadOnlyDictionary<string, string> Networks { get; init; } = new Dictionary<string, string>();
    /// <summary>
    /// Routers that lead out of networks that are made here, by their names at the other cloud. One that is here
    /// already is put on such a network only when it is said to be: nothing of anybody is changed unasked.
    /// </summary>
    public IReadOnlyDictionary<string, string> Routers { get; init; } = new Dictionary<string, string>();
    public IReadOnlyDictionary<string, string> VolumeTypes { get; init; } = new Dictionary<string, string>();
    public IReadOnlyDictionary<string, string> FloatingPools { get; init; } = new Dictionary<string, string>();
    public IReadOnlyDictionary<string, string> AvailabilityZones { get; init; } = new Dictionary<string, string>();
    /// <summary>Networks (their names at the other cloud) where servers get other addresses than they had.</summary>
    public IReadOnlyList<string> NewAddresses { get; init; } = [];

    /// <summary>For a project that is made here: who users of the other cloud are (`NAME`, or `DOMAIN/NAME`), on both
    /// sides; null: gets no role here.</summary>
    public IReadOnlyDictionary<string, string?> Users { get; init; } = new Dictionary<string, string?>();
    /// <summary>As <see cref="Users"/>.</summary>
    public IReadOnlyDictionary<string, string?> Groups { get; init; } = new Dictionary<string, string?>();
    /// <summary>Null: is given to nobody here.</summary>
    public IReadOnlyDictionary<string, string?> Roles { get; init; } = new Dictionary<string, string?>();
    /// <summary>Of users and groups.</summary>
    public IReadOnlyDictionary<string, string> Domains { get; init; } = new Dictionary<string, string>();
    /// <summary>What a quota is here instead of what it is there and what is needed, by `SERVICE.RESOURCE`
    /// (`compute.cores`, `volumes.gigabytes`, `networks.floatingip`); -1: no limit. Not below what there is.</summary>
    public IReadOnlyDictionary<string, long> Quotas { get; init; } = new Dictionary<string, long>();
}
