// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Agents;

/// <summary>What an agent gives up with a source: it has let go of the disks and forgotten the group.</summary>
/// <param name="MapBasis">
/// Its `basis.json` (docs/formats/maps.md): where the change maps begin that are left in the instances. Null: nobody
/// knows, so the next agent compares.
/// </param>
public sealed record HandOver(string? MapBasis);

/// <summary>Makes an agent the source in the place of another one.</summary>
/// <param name="MapBasis">As the former agent gave it; null: there is nothing to go by.</param>
public sealed record TakeOver(SourceSpec Spec, string? MapBasis);
