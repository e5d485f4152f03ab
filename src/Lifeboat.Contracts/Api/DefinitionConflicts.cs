// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

/// <summary>
/// A field that two sites changed while neither had heard of the other's change. Each goes on with what it has, until
/// somebody settles it at either.
/// </summary>
/// <param name="Field">As the API has it; `deleted`: one site deleted what another one changed.</param>
public sealed record DefinitionConflict(string Field, IReadOnlyList<ContestedValue> Values);

/// <param name="Site">Where it was changed to this.</param>
/// <param name="Value">As a declaration writes it.</param>
/// <param name="Holds">It is what holds at the asked site until it is settled.</param>
public sealed record ContestedValue(string Site, string Value, DateTimeOffset At, bool Holds);

/// <summary>Which site's changes stay of those that contradict each other.</summary>
public sealed record SettleRequest
{
    /// <summary>The site whose values stay, as the conflict names it.</summary>
    public required string Keep { get; init; }
    /// <summary>Only these fields; null or empty: all that are contested.</summary>
    public IReadOnlyList<string>? Fields { get; init; }
}
