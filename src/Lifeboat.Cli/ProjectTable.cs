// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;

namespace Lifeboat.Cli;

/// <summary>How projects, and what is made like them, read.</summary>
internal static class ProjectTable
{
    public static void Write(CommandOutput output, KeptProject kept) => output.WriteFacts(kept,
    [
        ("site", kept.Site), ("version", kept.Version.ToString(CultureInfo.InvariantCulture)),
        ("taken", Show.Time(kept.TakenAt)), ("seen", Show.Time(kept.SeenAt)),
        ("project", kept.Project.Name), ("domain", kept.Project.Domain),
        ("description", kept.Project.Description.Length > 0 ? kept.Project.Description : null),
        ("tags", kept.Project.Tags.Count > 0 ? string.Join(", ", kept.Project.Tags) : null),
        ("enabled", kept.Project.Enabled ? "yes" : "no"),
        .. kept.Project.Grants.Select(g => (g.Role, (string?)$"{Show.Name(g.Kind)} {g.Name} of {g.Domain}")),
        .. kept.Project.Quotas.Select(q => ($"{Show.Name(q.Area)}.{q.Resource}", (string?)Limit(q.Limit))),
        .. kept.Project.Untold.Select(u => ("not told", (string?)u)),
    ]);

    /// <exception cref="ProblemException">PlanGaps, when all else is shown.</exception>
    public static void WritePlan(CommandOutput output, ProjectPlan plan)
    {
        output.Write(plan, table => Fill(table, plan.Changes, plan.State is ProjectState.Missing
            or ProjectState.Begun or ProjectState.Made));
        Say(output, plan);
        if (plan.Gaps.Count == 0) return;
        throw new ProblemException(ReasonCode.PlanGaps,
            $"project {plan.Name} of {plan.Domain} has {plan.Gaps.Count} gap(s) here", "Nothing was changed.",
            plan.Gaps);
    }

    public static void WritePrepared(CommandOutput output, PreparedProject prepared)
    {
        output.Write(prepared, table => Fill(table, prepared.Made, ours: true));
        Say(output, prepared.Now);
        foreach (var gap in prepared.Now.Gaps) output.Talk($"gap: {gap}");
        if (prepared.Made.Count == 0) output.Talk("nothing was to be changed");
    }

    private static void Fill(TextTable table, IReadOnlyList<ProjectChange> changes, bool ours)
    {
        table.AddColumns("kind", "what", "now", ours ? "becomes" : "with --extend");
        foreach (var change in changes)
            table.AddRow(Show.Name(change.Kind), change.What, change.From ?? "-", change.To);
    }

    // What a script reads has it all.
    private static void Say(CommandOutput output, ProjectPlan plan)
    {
        if (!output.ForPeople) return;
        output.Talk($"project {plan.Name} of {plan.Domain}: {Show.Name(plan.State)}");
        foreach (var note in plan.Notes) output.Talk($"note: {note}");
        foreach (var left in plan.ToDo) output.Talk($"to do: {left}");
    }

    private static string Limit(long limit) =>
        limit < 0 ? "no limit" : limit.ToString(CultureInfo.InvariantCulture);
}
