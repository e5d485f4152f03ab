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
    Task HoldAsync(Guid cut, CancellationToken ct);
    Task<SharedCutResult> CutAsync(Guid cut, CancellationToken ct);
    Task SettleAsync(Guid cut, bool agreed, CancellationToken ct);

    /// <returns>False: the limit was up before the point was sealed in all its groups.</returns>
    Task<bool> WaitSealedAsync(Guid cut, TimeSpan limit, CancellationToken ct);
}
