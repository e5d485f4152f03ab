// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Plans;

namespace Lifeboat.Recovery.Runs;

/// <summary>Where runs live. Whatever a method returned from is durable.</summary>
public interface IRunStore
{
    /// <summary>Keeps a new run, unless its group has an unfinished one.</summary>
    /// <returns>Null when it was kept; else the unfinished run, and nothing was kept.</returns>
    Task<Run?> TryAddAsync(Run run, CancellationToken ct);
    /// <summary>
    /// Keeps a run that ended, or waits to be approved, as one to be carried out; rules as for
    /// <see cref="TryAddAsync"/>. Of several who do so at one moment one succeeds.
    /// </summary>
    /// <param name="from">The state that it is in; in any other one nothing is kept.</param>
    /// <returns>Null when it was kept; else what is in the way: its group's unfinished run, or itself as it is now.
    /// </returns>
    Task<Run?> TryReopenAsync(Run run, RunState from, CancellationToken ct);
    /// <summary>Keeps how far a run is; tried until it is kept or <paramref name="ct"/> says stop.</summary>
    /// <returns>False: the tenure is over, another controller carries the run on, and nothing was kept.</returns>
    Task<bool> SaveAsync(Run run, Tenure tenure, CancellationToken ct);
    Task<Run?> FindAsync(Guid id, CancellationToken ct);
    Task<Run?> FindByKeyAsync(string group, string idempotencyKey, CancellationToken ct);
    /// <summary>Newest first; of one group, or of all when null.</summary>
    Task<IReadOnlyList<Run>> ListAsync(string? group, CancellationToken ct);
    Task<IReadOnlyList<Run>> UnfinishedAsync(CancellationToken ct);
    /// <summary>
    /// Finished at this moment or later, by the clock of who carried them out, however many; in no order. Of one group,
    /// or of all when null.
    /// </summary>
    Task<IReadOnlyList<Run>> EndedSinceAsync(string? group, DateTimeOffset moment, CancellationToken ct);

    /// <summary>What people asked of a run; kept apart from it, so that neither overwrites the other.</summary>
    Task SignalAsync(Guid id, RunSignal signal, CancellationToken ct);
    Task<RunSignals> SignalsAsync(Guid id, CancellationToken ct);

    /// <summary>Remembers how long a step took, for predictions.</summary>
    Task AddDurationAsync(string step, string group, TimeSpan duration, CancellationToken ct);
    /// <summary>The latest durations of a step: of the group when there are any, else of all groups.</summary>
    Task<IReadOnlyList<TimeSpan>> DurationsAsync(string step, string group, CancellationToken ct);
}

public enum RunSignal { Cancel = 1, Release = 2 }

public sealed record RunSignals(bool Cancel, bool Release);
