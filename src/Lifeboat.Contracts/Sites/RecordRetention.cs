// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Sites;

/// <summary>
/// How long the site's controllers keep what they have written down. Never removed, however old: what is under way or
/// open, the last run of each kind of a group and the last that succeeded, and the audit log, which has a length of its
/// own. Recovery points are not meant: those are kept as policies say.
/// </summary>
public sealed record RecordRetention
{
    public static readonly RecordRetention Default = new();

    // What was measured in a month is reported with the drills of that month, until the next month is over.
    private const int DaysOfReports = 62;
    private const int DaysMost = 36_500;

    /// <summary>Days from the end of a run until it goes with its steps and its report.</summary>
    public int RunDays { get; init; } = 400;
    /// <summary>Days of site events.</summary>
    public int EventDays { get; init; } = 90;
    /// <summary>Site events, however new they are: a line takes some 300 bytes.</summary>
    public int EventsMost { get; init; } = 250_000;
    /// <summary>Days from the end of an alert.</summary>
    public int AlertDays { get; init; } = 400;
    /// <summary>Days of what was sent to alert targets, or was given up.</summary>
    public int DeliveryDays { get; init; } = 30;
    /// <summary>Days from the closing of a follow-up; the newest of a kind of each group stays.</summary>
    public int FollowUpDays { get; init; } = 400;
    /// <summary>Days from the end of an operation.</summary>
    public int OperationDays { get; init; } = 30;
    /// <summary>Hours in which a request with the same idempotency key has the same answer.</summary>
    public int KeyHours { get; init; } = 24;
    /// <summary>Days of usage and service levels.</summary>
    public int UsageDays { get; init; } = 1100;

    /// <summary>All that is wrong with it.</summary>
    public IEnumerable<string> Problems()
    {
        var ranges = new[]
        {
            ("runDays", RunDays, DaysOfReports, DaysMost), ("eventDays", EventDays, 1, DaysMost),
            ("eventsMost", EventsMost, 1000, 100_000_000), ("alertDays", AlertDays, 1, DaysMost),
            ("deliveryDays", DeliveryDays, 1, DaysMost), ("followUpDays", FollowUpDays, 1, DaysMost),
            ("operationDays", OperationDays, 1, DaysMost), ("keyHours", KeyHours, 1, 24 * 366),
            ("usageDays", UsageDays, DaysOfReports, DaysMost),
        };
        return from range in ranges
               let name = range.Item1
               let value = range.Item2
               where value < range.Item3 || value > range.Item4
               select $"retention.{name} is {value}; it must be {range.Item3} to {range.Item4}";
    }
}
