// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Recovery.Evacuations;

/// <summary>The runs of this site, as an evacuation uses them.</summary>
public interface IEvacuationRuns
{
    Task<Run?> FindAsync(Guid run, CancellationToken ct);
    /// <summary>The group's run in this evacuation; null: none was begun.</summary>
    Task<Run?> FindAsync(Evacuation evacuation, string group, CancellationToken ct);
    /// <summary>Begins the group's run; begun already, it is the same.</summary>
    /// <exception cref="Lifeboat.Contracts.ProblemException">It is refused; the reason says whether that may
    /// pass.</exception>
    Task<Run> StartAsync(Evacuation evacuation, string group, CancellationToken ct);
    /// <summary>Ends a run that waits to be approved; one that was begun goes on.</summary>
    Task WithdrawAsync(Run run, CancellationToken ct);
    /// <summary>The group's instances run at this site already.</summary>
    Task<bool> IsHereAsync(string group, CancellationToken ct);
}
