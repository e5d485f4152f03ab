// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Tests.Recovery;

/// <summary>
/// The row of a group's lease as a database holds it for the controllers of a site, and who of them lives: the rules of
/// decision 0028 in a few lines, by the world's clock.
/// </summary>
internal sealed class StormLease
{
    public const string Name = "group/shop";
    private static readonly TimeSpan Life = TimeSpan.FromMilliseconds(60);
    private readonly Dictionary<string, DateTimeOffset> _alive = [];

    public string? Holder { get; private set; }
    public long Term { get; private set; }
    /// <summary>A planted flaw: who asks gets it, though its holder lives.</summary>
    public bool AsksNobody { get; init; }

    public void Beat(string controller, DateTimeOffset now) => _alive[controller] = now + Life;

    /// <returns>Null: another one that lives holds it.</returns>
    public Tenure? Take(string controller, DateTimeOffset now, Tenure? had)
    {
        if (had is { Holds: true } && IsOf(had)) return had;
        if (!AsksNobody && Holder is { } other && other != controller && _alive.GetValueOrDefault(other) > now)
            return null;
        (Holder, Term) = (controller, Term + 1);
        return new Tenure(Name, controller, Term, () => AsksNobody || _alive.GetValueOrDefault(controller) > now);
    }

    public bool IsOf(Tenure tenure) => AsksNobody || (tenure.Holder, tenure.Term) == (Holder, Term);
}
