// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Contracts.Agents;

/// <summary>
/// Reserves groups of one agent for a checkpoint that they share with groups of any agents. Then, each within a second:
/// hold, cut, settle. An agent that hears no more withdraws what it cut after <see cref="Lifetime"/>.
/// </summary>
/// <param name="Id">Of the recovery point, the same in every group.</param>
/// <param name="CutAt">Coordinator's clock, UTC.</param>
public sealed record SharedCutRequest(
    Guid Id, IReadOnlyList<string> Groups, DateTimeOffset CutAt, string? Label)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(10);
}

/// <param name="Point">Null: this group was not cut, for the reason given.</param>
/// <param name="Held">How long its acknowledgements were withheld.</param>
public sealed record SharedCutPart(
    string Group, RecoveryPoint? Point, TimeSpan Held, ReasonCode Reason, string? Detail);

/// <param name="Intact">Every mirror of every group was seen intact after the cut.</param>
public sealed record SharedCutResult(IReadOnlyList<SharedCutPart> Parts, bool Intact)
{
    /// <summary>Every group was cut and seen intact.</summary>
    public bool Agreed => Intact && Parts.All(p => p.Point is not null);
}

/// <param name="Agreed">True: the point counts in every group. False: it is withdrawn in every group.</param>
public sealed record SettleRequest(bool Agreed);
