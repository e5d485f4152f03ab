// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Contracts.Api;

/// <summary>What groups used in a month, as this site metered it; the other site's report has what that one did.
/// </summary>
/// <param name="Month">`2026-11`, UTC.</param>
/// <param name="Currency">Of the price book; null: there are no prices.</param>
/// <param name="Total">The sum of all lines.</param>
public sealed record UsageReport(string Site, string Month, string? Currency, IReadOnlyList<UsageLine> Lines,
    IReadOnlyList<UsageLine> Tenants, UsageLine Total)
{
    /// <summary>When the site was looked at last: what came after is not metered yet. Null: it never was.</summary>
    public DateTimeOffset? UpTo { get; init; }
}

/// <param name="Group">`*`: all groups of the tenant; a sum.</param>
public sealed record UsageLine(string Tenant, string Group)
{
    /// <summary>Size of its volumes while they were protected; metered where the instances run.</summary>
    public double ProtectedGibHours { get; init; }
    /// <summary>Bytes that the guests wrote, and bytes that went over the link for them; where they run.</summary>
    public long ChangedBytes { get; init; }
    public long WireBytes { get; init; }
    /// <summary>Length of the journal, and size of the volumes that points can be opened of; at the recovery site.
    /// </summary>
    public double JournalGibHours { get; init; }
    public double PointGibHours { get; init; }
    /// <summary>Instances that ran for drills, and in recovery after a failover; where they ran.</summary>
    public double DrillInstanceHours { get; init; }
    public double RecoveryInstanceHours { get; init; }
    /// <summary>How long it was looked at, and how long nobody looked: then nothing by the hour is counted.</summary>
    public double ObservedHours { get; init; }
    public double UnobservedHours { get; init; }
    /// <summary>By the price book as it is now, to a ten-thousandth; null: there is none.</summary>
    public decimal? Cost { get; init; }
}

/// <summary>What things cost. A line's cost is rounded to a ten-thousandth; sums add up rounded lines.</summary>
public sealed record PriceBook
{
    private const int Highest = 1_000_000;

    /// <summary>Three letters, as ISO 4217 has them.</summary>
    public required string Currency { get; init; }
    public decimal ProtectedGibHour { get; init; }
    public decimal ChangedGib { get; init; }
    public decimal WireGib { get; init; }
    public decimal JournalGibHour { get; init; }
    public decimal PointGibHour { get; init; }
    public decimal DrillInstanceHour { get; init; }
    public decimal RecoveryInstanceHour { get; init; }

    /// <summary>The prices, by their names in JSON.</summary>
    public IReadOnlyDictionary<string, decimal> Named() => new Dictionary<string, decimal>(StringComparer.Ordinal)
    {
        ["protectedGibHour"] = ProtectedGibHour,
        ["changedGib"] = ChangedGib,
        ["wireGib"] = WireGib,
        ["journalGibHour"] = JournalGibHour,
        ["pointGibHour"] = PointGibHour,
        ["drillInstanceHour"] = DrillInstanceHour,
        ["recoveryInstanceHour"] = RecoveryInstanceHour,
    };

    /// <summary>All that is wrong with it.</summary>
    public IEnumerable<ProblemFault> Problems()
    {
        if (Currency is not { Length: 3 } || !Currency.All(char.IsAsciiLetterUpper))
            yield return new ProblemFault($"is '{Currency}'; it must be three capital letters, such as EUR",
                "#/currency");
        foreach (var (name, price) in Named().Where(p => p.Value is < 0 or > Highest))
            yield return new ProblemFault(
                $"is {price.ToString(CultureInfo.InvariantCulture)}; allowed is 0 to {Highest}", $"#/{name}");
    }

    /// <summary>What a line costs, rounded to a ten-thousandth.</summary>
    public decimal Of(UsageLine line)
    {
        const double gib = 1L << 30;
        return Math.Round((decimal)line.ProtectedGibHours * ProtectedGibHour
            + (decimal)(line.ChangedBytes / gib) * ChangedGib + (decimal)(line.WireBytes / gib) * WireGib
            + (decimal)line.JournalGibHours * JournalGibHour + (decimal)line.PointGibHours * PointGibHour
            + (decimal)line.DrillInstanceHours * DrillInstanceHour
            + (decimal)line.RecoveryInstanceHours * RecoveryInstanceHour, 4);
    }
}
