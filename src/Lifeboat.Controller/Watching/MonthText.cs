// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts;

namespace Lifeboat.Controller.Watching;

/// <summary>A month as people write it: `2026-11`.</summary>
internal static class MonthText
{
    /// <param name="text">Null: the present one.</param>
    /// <returns>Its beginning, UTC.</returns>
    /// <exception cref="ProblemException">InvalidRequest.</exception>
    public static DateTimeOffset Parse(string? text, DateTimeOffset now)
    {
        if (text is null)
            return new DateTimeOffset(now.UtcDateTime.Year, now.UtcDateTime.Month, 1, 0, 0, 0, TimeSpan.Zero);
        return DateTimeOffset.TryParseExact(text, "yyyy-MM", CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal, out var month) && month.Year is > 2000 and < 9999
            ? month
            : throw ProblemException.Of("the request has a fault",
                [new ProblemFault($"is '{text}'; it is written as 2026-11", Parameter: "month")]);
    }

    public static string Of(DateTimeOffset month) =>
        month.UtcDateTime.ToString("yyyy-MM", CultureInfo.InvariantCulture);
}
