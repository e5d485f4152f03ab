// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Protection.Links;

/// <summary>
/// A rate for some hours of some days of the week, on the wall clock: `mon-fri 08:00-18:00 20Mbit`,
/// `sat,sun 00:00-24:00 none`. One that does not end after it begins ends on the next day. `none`: no cap at those
/// hours.
/// </summary>
/// <param name="Days">Bit n for day n of the week, Sunday 0: the days it begins on.</param>
/// <param name="From">Minutes after midnight, 0 to 1439: the first in it.</param>
/// <param name="To">Minutes after midnight, 0 to 1440: the first behind it.</param>
/// <param name="BytesPerSecond">Null: no cap.</param>
public sealed record RateWindow(byte Days, int From, int To, long? BytesPerSecond)
{
    public const string Rule =
        "write it as 'mon-fri 08:00-18:00 20Mbit', 'sat,sun 00:00-24:00 none' or 'daily 22:00-06:00 1Gbit'";

    private const int DayMinutes = 24 * 60;
    private static readonly string[] Names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

    /// <returns>False: the text is no window.</returns>
    public static bool TryParse(string text, out RateWindow window)
    {
        window = new RateWindow(0, 0, 0, null);
        if (text.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not [var dayText, var hourText, var rateText]
            || hourText.Split('-') is not [var fromText, var toText]) return false;
        if (!TryDays(dayText, out var days) || !TryMinutes(fromText, out var from) || !TryMinutes(toText, out var to)
            || from == DayMinutes) return false;
        long? rate = null;
        if (!rateText.Equals("none", StringComparison.OrdinalIgnoreCase))
        {
            if (!DataRate.TryParse(rateText, out var bytes)) return false;
            rate = bytes;
        }
        window = new RateWindow(days, from, to, rate);
        return true;
    }

    /// <summary>Whether a moment of the wall clock is in it.</summary>
    public bool Holds(DateTime local)
    {
        var minute = local.Hour * 60 + local.Minute;
        if (From < To) return Has(local.DayOfWeek) && minute >= From && minute < To;
        return (Has(local.DayOfWeek) && minute >= From) || (Has(Before(local.DayOfWeek)) && minute < To);
    }

    private bool Has(DayOfWeek day) => (Days >> (int)day & 1) == 1;

    private static DayOfWeek Before(DayOfWeek day) => (DayOfWeek)(((int)day + 6) % 7);

    private static bool TryDays(string text, out byte days)
    {
        days = 0;
        if (text.Equals("daily", StringComparison.OrdinalIgnoreCase)) days = 0x7F;
        else
        {
            foreach (var part in text.Split(','))
            {
                var ends = part.Split('-');
                var (first, last) = (IndexOf(ends[0]), IndexOf(ends[^1]));
                if (ends.Length > 2 || first < 0 || last < 0) return false;
                for (var day = first; ; day = (day + 1) % 7)
                {
                    days |= (byte)(1 << day);
                    if (day == last) break;
                }
            }
        }
        return true;
    }

    private static int IndexOf(string day) =>
        Array.FindIndex(Names, n => n.Equals(day, StringComparison.OrdinalIgnoreCase));

    private static bool TryMinutes(string text, out int minutes)
    {
        minutes = DayMinutes;
        if (text == "24:00") return true;
        if (!TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time))
            return false;
        minutes = time.Hour * 60 + time.Minute;
        return true;
    }
}
