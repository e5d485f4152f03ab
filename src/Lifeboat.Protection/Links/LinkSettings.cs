// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.Links;

/// <summary>
/// What an operator wants of the link from this site to a paired one. Texts as they were given, so that all that is
/// wrong with them can be told at once.
/// </summary>
public sealed record LinkSettings
{
    public static readonly LinkSettings Default = new();

    /// <summary>Cap on all groups together outside of the windows, e.g. `200Mbit`; null: none.</summary>
    public string? Cap { get; init; }
    /// <summary>E.g. `mon-fri 08:00-18:00 20Mbit`; the first that holds counts.</summary>
    public IReadOnlyList<string> Windows { get; init; } = [];
    /// <summary>On whose wall clock the windows are.</summary>
    public string TimeZone { get; init; } = "UTC";
    public CompressionMode Compression { get; init; }
    /// <summary>
    /// Connect over each of these at once: `LOCAL` or `LOCAL=HOST:PORT`, with a local address, a network device or
    /// `any`. Empty: one connection of the system's choice.
    /// </summary>
    public IReadOnlyList<string> Paths { get; init; } = [];
    public const int PathsMax = 8;
    /// <summary>
    /// Caps on all groups of a tenant together, by tenant, as <see cref="Cap"/> is written. The controller fills them
    /// in
    /// from what the tenants may have.
    /// </summary>
    public IReadOnlyDictionary<string, string> TenantCaps { get; init; } = new Dictionary<string, string>();

    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        RateCalendar.Read(Cap, Windows, TimeZone, problems);
        if (!Enum.IsDefined(Compression)) problems.Add($"compression {(int)Compression} is not known");
        foreach (var path in Paths ?? []) LinkPath.Read(path, problems);
        if (Paths is null || Paths.Count > PathsMax) problems.Add($"paths: at most {PathsMax}");
        else if (Paths.Distinct(StringComparer.Ordinal).Count() != Paths.Count) problems.Add("paths: one twice");
        foreach (var (tenant, cap) in TenantCaps ?? new Dictionary<string, string>())
            if (!EntityName.IsValid(tenant) || !DataRate.TryParse(cap, out _))
                problems.Add($"tenant cap '{cap}' of '{tenant}' is not understood: {DataRate.Rule}");
        return problems;
    }

    /// <summary>The paths; call it when there are no problems.</summary>
    public IReadOnlyList<LinkPath> ReadPaths() => [.. Paths.Select(p => LinkPath.Read(p, [])!)];

    /// <summary>The cap over the week; call it when there are no problems.</summary>
    public RateCalendar Calendar() => RateCalendar.Read(Cap, Windows, TimeZone, []);
}
