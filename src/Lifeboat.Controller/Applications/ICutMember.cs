// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Controller.Applications;

/// <summary>
/// One agent with the groups that it captures, as a shared checkpoint needs it: reserve, hold, cut, settle. Whatever is
/// not settled it withdraws by itself. Every failure is a <see cref="Contracts.ProblemException"/>.
/// </summary>
internal interface ICutMember
{
    IReadOnlyList<string> Groups { get; }
    Task ReserveAsync(SharedCutRequest request, CancellationToken ct);

    /// <summary>Sends and does not wait: guests do, and not for one agent after the other.</summary>
    void Ask(CutVerb verb, Guid cut);
    /// <summary>Waits until what was asked is done.</summary>
    void Answer();

    /// <summary>How the cut went, with a look at the mirrors.</summary>
    Task<SharedCutResult> ResultAsync(Guid cut, CancellationToken ct);
    Task SettleAsync(Guid cut, bool agreed, CancellationToken ct);

    /// <returns>False: the limit was up before the point was sealed in all its groups.</returns>
    Task<bool> WaitSealedAsync(Guid cut, TimeSpan limit, CancellationToken ct);
}
