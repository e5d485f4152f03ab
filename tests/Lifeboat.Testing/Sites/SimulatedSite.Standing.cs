// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites;

namespace Lifeboat.Testing.Sites;

// As a cloud that keeps volumes near the newest point; off unless a test says otherwise.
public sealed partial class SimulatedSite : IKeepsStandingVolumes
{
    private readonly SortedDictionary<string, StandingVolume> _standing = new(StringComparer.Ordinal);

    public StandingRules? StandingRules { get; set; }

    /// <summary>Disks (names in their groups) that are to have none.</summary>
    public ISet<string> WithoutStanding { get; } = new SortedSet<string>(StringComparer.Ordinal);

    /// <summary>Every point that a standing volume was brought to, in order: volume and sequence.</summary>
    public List<(string Volume, long Sequence)> Brought { get; } = [];

    public Task<IReadOnlyList<StandingVolume>> StandingAsync(CancellationToken ct)
    {
        lock (_standing) return Task.FromResult<IReadOnlyList<StandingVolume>>([.. _standing.Values]);
    }

    public Task<StandingVolume?> BringAsync(StandingOrder order, IProgress<StandingProgress> progress,
        CancellationToken ct) => CallAsync(nameof(BringAsync), order.Source.Point!.Volume, () =>
        {
            var point = order.Source.Point!;
            if (WithoutStanding.Contains(point.Volume)) return null;
            progress.Report(new StandingProgress(order.SizeBytes, order.SizeBytes));
            lock (_standing)
            {
                Brought.Add((point.Volume, point.Sequence));
                return _standing[point.Volume] = new StandingVolume(point.Group, point.Volume, $"v-{point.Volume}")
                {
                    Replica = point.Replica, Low = point.Sequence, High = point.Sequence,
                    CutAt = order.Point.CutAt, Written = order.SizeBytes,
                };
            }
        }, ct);

    public Task RemoveStandingAsync(StandingVolume volume, CancellationToken ct) =>
        CallAsync(nameof(RemoveStandingAsync), volume.Volume, () =>
        {
            lock (_standing) return _standing.Remove(volume.Volume);
        }, ct);
}
