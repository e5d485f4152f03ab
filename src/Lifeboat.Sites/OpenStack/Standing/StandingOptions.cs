// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Standing;

/// <summary>
/// Volumes that are kept near the newest point of the instances that may be recovered here; under `options.standing`.
/// </summary>
public sealed record StandingOptions
{
    /// <summary>From one round to the next one.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromMinutes(5);
    /// <summary>
    /// Cinder snapshots of application-consistent points that are kept of each volume; 0: none are made.
    /// </summary>
    public int Snapshots { get; init; }
    /// <summary>Types of volumes here that have standing ones; empty: all that `options.volumes`
    /// names, but for those that appliances write.</summary>
    public IReadOnlyList<string> VolumeTypes { get; init; } = [];
    /// <summary>Groups (full names) that have standing volumes; empty: all that are recovered to this site.</summary>
    public IReadOnlyList<string> Groups { get; init; } = [];
    /// <summary>Bytes a second that the rounds write or compare at most; null: as fast as it goes. A failover is not
    /// held up by it.</summary>
    public long? BytesPerSecond { get; init; }
    /// <summary>
    /// The journal keeps what a standing volume is behind at most this long when it cannot be brought on; after that
    /// the whole volume is compared once.
    /// </summary>
    public TimeSpan HoldFor { get; init; } = TimeSpan.FromDays(1);

    internal StandingRules Rules => new(Every, Snapshots, HoldFor, Groups.ToHashSet(StringComparer.Ordinal));

    public IEnumerable<string> Problems(IReadOnlyDictionary<string, Filling.VolumePlace> places)
    {
        if (Every < TimeSpan.FromSeconds(1)) yield return $"every is {Every}; it must be at least a second";
        if (Snapshots is < 0 or > 100) yield return $"snapshots is {Snapshots}; allowed is 0 to 100";
        if (BytesPerSecond is < 1 << 20)
            yield return $"bytesPerSecond is {BytesPerSecond}; it must be at least {1 << 20}";
        if (HoldFor < Every) yield return $"holdFor is {HoldFor}; it must be at least every ({Every})";
        foreach (var type in VolumeTypes.Where(t => !places.ContainsKey(t)))
            yield return $"volumeTypes names '{type}'; options.volumes does not say where its volumes lie";
        foreach (var type in VolumeTypes.Where(t => places.GetValueOrDefault(t)?.Appliance is true))
            yield return $"volumeTypes names '{type}', which appliances write; those have no standing volumes";
    }
}
