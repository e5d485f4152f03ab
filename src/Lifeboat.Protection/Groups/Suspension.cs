// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.Groups;

/// <summary>
/// Shipping is stopped on purpose, never for ever. Writes go on being captured: into the log, and when that is full
/// into the change map.
/// </summary>
/// <param name="Reason">For people: why.</param>
/// <param name="Until">When it resumes by itself.</param>
public sealed record Suspension(string Reason, DateTimeOffset Since, DateTimeOffset Until)
{
    public static readonly TimeSpan LengthMax = TimeSpan.FromDays(30);
    public const int ReasonMax = 200;

    public bool Holds(DateTimeOffset now) => now < Until;

    public IEnumerable<string> Problems()
    {
        foreach (var problem in ReasonProblems(Reason)) yield return problem;
        // Extended again and again it may be older than one suspension can be long.
        if (Until <= Since) yield return $"suspension ends at {Until:u}, before it began at {Since:u}";
    }

    public static IEnumerable<string> ReasonProblems(string? reason)
    {
        if (string.IsNullOrWhiteSpace(reason)) yield return "suspension.reason is empty: say why";
        else if (reason.Length > ReasonMax) yield return $"suspension.reason has at most {ReasonMax} characters";
        else if (reason.Any(char.IsControl)) yield return "suspension.reason has control characters";
    }
}
