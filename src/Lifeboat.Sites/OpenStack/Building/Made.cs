// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Building;

/// <summary>
/// What servers share has the name that people gave it; that we made it is said at the end of its description. Until all
/// of it is there it is said to be begun, so that an attempt that was cut short is gone on with, and what somebody
/// changed later is left alone (I8).
/// </summary>
internal static class Made
{
    private const string Whole = "(made by Lifeboat)";
    private const string Begun = "(being made by Lifeboat)";

    public static string Begin(string? note) => $"{Note(note)} {Begun}".Trim();

    public static string Finish(string? note) => $"{Note(note)} {Whole}".Trim();

    public static bool IsOurs(string? description) => IsBegun(description) || Ends(description, Whole);

    public static bool IsBegun(string? description) => Ends(description, Begun);

    /// <summary>What people wrote.</summary>
    public static string? Note(string? description)
    {
        var mark = IsBegun(description) ? Begun : Ends(description, Whole) ? Whole : "";
        return mark.Length == 0 ? description : description![..^mark.Length].TrimEnd();
    }

    private static bool Ends(string? description, string mark) =>
        description?.EndsWith(mark, StringComparison.Ordinal) is true;
}
