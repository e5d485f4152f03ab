// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.Groups;

/// <summary>
/// Where the site that is primary now went its own way: an unplanned failover, which asks nobody whether the site it
/// leaves still lives. When it did, both wrote from here on, and somebody has to choose.
/// </summary>
/// <param name="PointId">The point that the failover began from: the last state that both sides have in
/// common.</param>
/// <param name="Sequence">Of the point, in the stream of <paramref name="LeftEpoch"/>.</param>
/// <param name="CutAt">Of the point; clock of the site that was left.</param>
/// <param name="Began">The epoch that the failover raised the group to: it names the fork.</param>
/// <param name="At">When that was; clock of the site that took over.</param>
/// <param name="LeftSite">Primary before the fork.</param>
public sealed record GroupFork(Guid PointId, long Sequence, DateTimeOffset CutAt, Epoch LeftEpoch, Epoch Began,
    DateTimeOffset At, string LeftSite)
{
    /// <summary>The site whose state gave way; null: nobody has chosen yet.</summary>
    public string? Loser { get; init; }
    /// <summary>Somebody saw the divergence and left it as it is.</summary>
    public DateTimeOffset? AcknowledgedAt { get; init; }

    /// <summary>The epoch that a site wrote in after the fork.</summary>
    public Epoch EpochOf(string site) => site == LeftSite ? LeftEpoch : Began;

    /// <summary>Name of the pin, and of the view, of the state that gave way.</summary>
    public string KeptName => $"fork-{Began}";
}
