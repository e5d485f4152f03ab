// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

internal sealed class EvacuationStartCommand : LifeboatCommand
{
    private readonly Option<string?> _from = new("--from")
    {
        Description = "The site that is left (default: the only one whose groups are recovered to this one)",
        HelpName = "SITE",
    };

    private readonly Option<string[]> _groups = new("--group", "-g")
    {
        Description = "Only this group; may be repeated (default: all that run there and are recovered to this site, "
            + "of the tenant that --tenant names)",
        HelpName = "GROUP",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string[]> _except = new("--except")
    {
        Description = "All but this group; may be repeated",
        HelpName = "GROUP",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<WantedWave[]> _waves = EvacuationInputs.Waves();

    private readonly Option<int> _parallel = new("--parallel")
    {
        Description = "Runs under way at a time, 1 to 64",
        HelpName = "NUMBER",
        DefaultValueFactory = _ => 4,
    };

    private readonly Option<bool> _hold = new("--hold-between-waves")
    {
        Description = "Each wave but the first waits for `evacuation continue`",
    };

    private readonly Option<bool> _keepGoing = new("--keep-going")
    {
        Description = "Go on with the next wave though a group could not be moved (default: the later waves are left)",
    };

    private readonly Option<bool> _dead = new("--source-is-dead")
    {
        Description = "The site that is left is lost, its instances are gone for good: ask it nothing, and run here "
            + "what was sent. Else nothing is lost: the guests are shut down there first",
    };

    private readonly Option<bool> _despiteGaps = new("--despite-gaps")
    {
        Description = "Begin though the site lacks something for the instances; each run goes as far as it comes",
    };

    private readonly Option<string[]> _checks = Inputs.Checks();
    private readonly Option<bool> _noWait = new("--no-wait") { Description = "Return when the evacuation is started" };

    private readonly Option<bool> _dryRun = new("--dry-run")
    {
        Description = "Show the waves, how long they would take, and all that is in the way; change nothing",
    };

    public EvacuationStartCommand() : base("evacuation", "start",
        "Move the groups of another site, or some of them, to this one in waves")
    {
        Option[] options = [_from, _groups, _except, _waves, _parallel, _hold, _keepGoing, _dead, _despiteGaps, _checks,
            _noWait, _dryRun];
        foreach (var option in options) Add(option);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var request = new StartEvacuationRequest
        {
            From = parsed.GetValue(_from),
            Groups = parsed.GetRequiredValue(_groups),
            Except = parsed.GetRequiredValue(_except),
            Waves = parsed.GetRequiredValue(_waves),
            Parallel = parsed.GetValue(_parallel),
            HoldBetweenWaves = parsed.GetValue(_hold),
            KeepGoing = parsed.GetValue(_keepGoing),
            SourceIsDead = parsed.GetValue(_dead),
            DespiteGaps = parsed.GetValue(_despiteGaps),
            Checks = parsed.GetRequiredValue(_checks),
        };
        if (parsed.GetValue(_dryRun)) return await ShowPlanAsync(request, session, ct);

        var evacuation = await session.Controller.StartEvacuationAsync(request, ct);
        session.Output.Talk($"evacuation {evacuation.Id}: {evacuation.Groups.Count} group(s) of {evacuation.From} to "
            + $"{evacuation.Site} in {evacuation.Waves} wave(s)");
        if (!parsed.GetValue(_noWait)) evacuation = await EvacuationProgress.FollowAsync(evacuation, session, ct);
        EvacuationTable.Write(session.Output, evacuation);
        return EvacuationTable.Outcome(evacuation);
    }

    private static async Task<int> ShowPlanAsync(StartEvacuationRequest request, CommandSession session,
        CancellationToken ct)
    {
        var plan = await session.Controller.PlanEvacuationAsync(request, ct);
        EvacuationTable.WritePlan(session.Output, plan);
        if (plan.Problems.Count == 0) return ExitCode.Ok;
        throw new ProblemException(ReasonCode.InvalidRequest,
            $"{plan.Problems.Count} problem(s) are in the way of the evacuation", "Nothing was changed.",
            plan.Problems);
    }
}
