// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Protection.Policies;

/// <summary>Which points a retention rule is about.</summary>
public enum PointClass
{
    Any = 1,
    /// <summary>Quiesced: every instance reached file-system consistency or better.</summary>
    Application = 2,
    /// <summary>With a label, whoever gave it.</summary>
    Labelled = 3,
}

/// <param name="Every">Keeps the first of each slot of this length; null: all.</param>
/// <param name="For">How old a kept point may get.</param>
public sealed record RetentionRule(PointClass Class, TimeSpan? Every, TimeSpan For)
{
    private const string Forms = "it is written SPAN, all:SPAN, SLOT:SPAN, application:SPAN or labelled:SPAN";

    public bool IsAbout(RecoveryPoint point) => Class switch
    {
        PointClass.Any => true,
        PointClass.Application => point.Consistency >= Consistency.FileSystem,
        PointClass.Labelled => !string.IsNullOrEmpty(point.Label),
    };

    /// <returns>The rule, or what is wrong with the text.</returns>
    public static (RetentionRule? Rule, string? Problem) Parse(string text)
    {
        var parts = text.Split(':');
        // As `hh:mm:ss` a span has colons of its own: so it was stored before there were rules.
        if (Span.Parse(text) is { } whole) return (new RetentionRule(PointClass.Any, null, whole), null);
        if (parts is not [var what, var span]) return (null, Forms);
        if (Span.Parse(span) is not { } kept) return (null, $"'{span}' is not a span; write 90s, 15m, 4h or 7d");
        return what switch
        {
            "all" => (new RetentionRule(PointClass.Any, null, kept), null),
            "application" => (new RetentionRule(PointClass.Application, null, kept), null),
            "labelled" => (new RetentionRule(PointClass.Labelled, null, kept), null),
            _ when Span.Parse(what) is { } every => (new RetentionRule(PointClass.Any, every, kept), null),
            _ => (null, $"'{what}' is neither a span nor one of all, application, labelled"),
        };
    }

    public override string ToString() => Class switch
    {
        PointClass.Any => $"{(Every is { } every ? Span.Text(every) : "all")}:{Span.Text(For)}",
        PointClass.Application => $"application:{Span.Text(For)}",
        PointClass.Labelled => $"labelled:{Span.Text(For)}",
    };
}
