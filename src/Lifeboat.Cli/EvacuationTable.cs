// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Cli;

/// <summary>How evacuations read.</summary>
internal static class EvacuationTable
{
    public static void Write(CommandOutput output, EvacuationInfo evacuation)
    {
        output.Write(evacuation, table =>
        {
            table.AddColumns("wave", "group", "state", "run", "took", "reason");
            foreach (var g in evacuation.Groups)
                table.AddRow($"{g.Wave}", g.Group, Show.Name(g.State), g.Run?.ToString() ?? "",
                    g.Took is { } took ? Show.Span(took) : "",
                    string.Join(": ", new[] { g.Reason is ReasonCode.None ? null : Show.Name(g.Reason), g.Detail }
                        .Where(t => t is not null)));
        });
        output.Talk(Summary(evacuation));
        if (evacuation.State is EvacuationState.Holding)
            output.Talk($"waits between two waves: lifeboat evacuation continue {evacuation.Id}");
        foreach (var g in evacuation.Groups.Where(g => g.State is EvacueeState.WaitingApproval))
            output.Talk($"{g.Group} waits for a second person: lifeboat run approve {g.Run}");
    }

    public static void WriteAll(CommandOutput output, IReadOnlyList<EvacuationInfo> all) => output.Write(all, table =>
    {
        table.AddColumns("evacuation", "from", "tenant", "state", "wave", "moved", "failed", "of", "started", "took");
        foreach (var e in all)
            table.AddRow(e.Id.ToString(), e.From, e.Tenant ?? "", Show.Name(e.State), $"{e.Wave}/{e.Waves}",
                $"{e.Groups.Count(g => g.State is EvacueeState.Moved)}",
                $"{e.Groups.Count(g => g.State is EvacueeState.Failed)}", $"{e.Groups.Count}", Show.Time(e.CreatedAt),
                Show.Span(e.Elapsed));
    });

    public static void WritePlan(CommandOutput output, EvacuationPlan plan)
    {
        output.Write(plan, table =>
        {
            table.AddColumns("wave", "group", "application", "state", "lag", "newest point", "predicted");
            foreach (var wave in plan.Waves)
                foreach (var g in wave.Groups)
                    table.AddRow($"{wave.Number}", g.Group, g.Application ?? "", Show.Name(g.State),
                        g.Lag is { } lag ? Show.Span(lag) : "",
                        g.Exposure is { } age ? $"{Show.Span(age)} ago" : "none",
                        g.Predicted is { } p ? Show.Span(p) : "never measured");
        });
        foreach (var wave in plan.Waves)
            output.Talk($"wave {wave.Number}: {wave.Groups.Count} group(s), {plan.Parallel} at a time, "
                + (wave.Predicted is { } p ? $"about {Show.Span(p)}" : "never measured"));
        if (plan.Predicted is { } all)
            output.Talk($"predicted in all: {Show.Span(all)}"
                + (plan.Unmeasured == 0 ? "" : $", without {plan.Unmeasured} group(s), never measured"));
        foreach (var note in plan.Notes) output.Talk($"note: {note}");
    }

    public static int Outcome(EvacuationInfo evacuation) => evacuation.State switch
    {
        EvacuationState.SucceededWithFailures or EvacuationState.Failed or EvacuationState.Cancelled =>
            ExitCode.From(ReasonCode.RunFailed),
        EvacuationState.Running or EvacuationState.Paused or EvacuationState.Holding or EvacuationState.Cancelling
            or EvacuationState.Succeeded => ExitCode.Ok,
    };

    private static string Summary(EvacuationInfo e) =>
        $"evacuation {e.Id} of {e.From} to {e.Site}: {Show.Name(e.State)}, wave {e.Wave} of {e.Waves}, "
        + $"{e.Groups.Count(g => g.State is EvacueeState.Moved)} of {e.Groups.Count} moved, {Show.Span(e.Elapsed)}"
        + (e.Detail is { } detail ? $"; {detail}" : "");
}
