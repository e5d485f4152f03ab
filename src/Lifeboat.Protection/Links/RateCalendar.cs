// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.Links;

/// <summary>
/// A rate cap over the week: that of the first window that holds now, else the one given. Windows are on the wall clock
/// of a time zone, so an hour that a zone skips or repeats is skipped or repeated here as well.
/// </summary>
public sealed class RateCalendar
{
    public static readonly RateCalendar Unlimited = new(null, [], TimeZoneInfo.Utc);

    private readonly long? _otherwise;
    private readonly IReadOnlyList<RateWindow> _windows;
    private readonly TimeZoneInfo _zone;

    private RateCalendar(long? otherwise, IReadOnlyList<RateWindow> windows, TimeZoneInfo zone) =>
        (_otherwise, _windows, _zone) = (otherwise, windows, zone);

    /// <summary>Bytes a second at a moment; null: no cap.</summary>
    public long? At(DateTimeOffset moment)
    {
        if (_windows.Count == 0) return _otherwise;
        var local = TimeZoneInfo.ConvertTime(moment, _zone).DateTime;
        foreach (var window in _windows)
            if (window.Holds(local)) return window.BytesPerSecond;
        return _otherwise;
    }

    /// <param name="cap">As <see cref="DataRate"/> writes it; null, empty or `none`: no cap.</param>
    /// <param name="windows">As <see cref="RateWindow"/> is written; the first that holds counts.</param>
    /// <param name="timeZone">IANA name, e.g. `Europe/Berlin`.</param>
    /// <param name="problems">All that is wrong; then the calendar is not to be used.</param>
    public static RateCalendar Read(string? cap, IReadOnlyList<string> windows, string timeZone,
        ICollection<string> problems)
    {
        long? otherwise = null;
        if (cap is not (null or "") && !cap.Equals("none", StringComparison.OrdinalIgnoreCase))
        {
            if (DataRate.TryParse(cap, out var rate)) otherwise = rate;
            else problems.Add($"cap '{cap}' is not a rate: {DataRate.Rule}");
        }
        return Read(otherwise, windows, timeZone, problems);
    }

    /// <inheritdoc cref="Read(string, IReadOnlyList{string}, string, ICollection{string})"/>
    /// <param name="otherwise">Bytes a second outside of the windows; null: no cap.</param>
    public static RateCalendar Read(long? otherwise, IReadOnlyList<string> windows, string timeZone,
        ICollection<string> problems)
    {
        var read = new List<RateWindow>();
        foreach (var text in windows)
        {
            if (RateWindow.TryParse(text, out var window)) read.Add(window);
            else problems.Add($"window '{text}' is not understood: {RateWindow.Rule}");
        }
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(timeZone, out var zone))
            problems.Add($"time zone '{timeZone}' is not known here: write it as Europe/Berlin or UTC");
        return new RateCalendar(otherwise, read, zone ?? TimeZoneInfo.Utc);
    }
}
