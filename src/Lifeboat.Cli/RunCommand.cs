// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Cli;

/// <summary>Base of the commands that start a run: plan or start it, follow it, end with its outcome.</summary>
internal abstract class RunCommand : LifeboatCommand
{
    private readonly Option<bool> _noWait = Inputs.NoWait();
    private readonly Option<bool> _dryRun = Inputs.DryRun();
    private readonly Option<string[]> _checks = Inputs.Checks();

    protected RunCommand(string verb, string description, string? noun = null) : base(noun, verb, description)
    {
        Add(Group);
        Add(_checks);
        Add(_noWait);
        Add(_dryRun);
    }

    protected Argument<string> Group { get; } = Inputs.Group();

    /// <summary>For those that start instances.</summary>
    protected static Option<bool> DespiteGaps() => new("--despite-gaps")
    {
        Description = "Begin though something is missing here, and go as far as it comes; --dry-run says what is",
    };

    protected abstract StartRunRequest Request(ParseResult parsed, CommandSession session);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var group = parsed.GetRequiredValue(Group);
        var request = Request(parsed, session) with { Checks = parsed.GetRequiredValue(_checks) };
        if (parsed.GetValue(_dryRun)) return await ShowPlanAsync(group, request, session, ct);

        var run = await session.Controller.StartRunAsync(group, request, ct);
        session.Output.Talk($"run {run.Id}: {Show.Name(run.Kind)} of {group} at site {run.Site}");
        if (!parsed.GetValue(_noWait)) run = await RunProgress.FollowAsync(run, session, ct);
        RunTable.Write(session.Output, run);
        return Outcome(run);
    }

    public static int Outcome(RunInfo run) => run.State switch
    {
        RunState.Pending or RunState.Running or RunState.WaitingApproval => ExitCode.Ok,
        RunState.Succeeded or RunState.SucceededWithWarnings => ExitCode.Ok,
        RunState.Failed or RunState.Cancelled or RunState.RolledBack =>
            ExitCode.From(run.Reason == ReasonCode.None ? ReasonCode.RunFailed : run.Reason),
    };

    private static async Task<int> ShowPlanAsync(string group, StartRunRequest request, CommandSession session,
        CancellationToken ct)
    {
        var plan = await session.Controller.PlanAsync(group, request, ct);
        session.Output.Write(plan, table =>
        {
            table.AddColumns("step", "name", "what it does", "predicted");
            foreach (var step in plan.Steps)
                table.AddRow($"{step.Index + 1}", step.Name, step.Title,
                    step.Predicted is { } p ? Show.Span(p) : "never measured");
        });
        var unmeasured = plan.Steps.Count(s => s.Predicted is null);
        if (plan.Predicted is { } total)
            session.Output.Talk($"predicted in all: {Show.Span(total)}"
                + (unmeasured == 0 ? "" : $", without {unmeasured} of {plan.Steps.Count} steps, never measured"));
        foreach (var note in plan.Notes) session.Output.Talk($"note: {note}");
        if (plan.Gaps.Count == 0) return ExitCode.Ok;
        throw new ProblemException(ReasonCode.PlanGaps, $"the plan has {plan.Gaps.Count} gap(s)",
            "Nothing was changed.", plan.Gaps);
    }
}
