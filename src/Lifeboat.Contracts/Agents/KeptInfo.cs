// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Contracts.Agents;

/// <summary>
/// A state that gave way when both sides of a group had written, as it is kept at its own site: images of its own,
/// until the last pin is taken off and the last view closed.
/// </summary>
/// <param name="Name">Its first pin.</param>
/// <param name="Point">The only point it has; it can be opened, drilled and failed over to by its id.</param>
/// <param name="Pins">All that hold it.</param>
/// <param name="Views">Open views of it.</param>
public sealed record KeptInfo(string Name, RecoveryPoint Point, IReadOnlyList<string> Pins,
    IReadOnlyList<string> Views);
