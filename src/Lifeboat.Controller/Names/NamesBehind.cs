// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Names;
using Lifeboat.Recovery.Runs;
using Lifeboat.Recovery.Sides;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Names;

// Goes on where the step of a run gave up: the newest move to this site ended in the last day and left names behind.
// Nothing is written down: after a restart it is tried once more, and what leads here by then is left as it is. A later
// move to the other site ends it, for this one is not primary any more.
internal sealed partial class NamesBehind(GroupStore groups, LocalSide here, IRunStore runs, ILeases leases,
    TimeProvider time, ILogger<NamesBehind> logger) : BackgroundService, IRaisesAlerts
{
    /// <summary>How long after the end of a run.</summary>
    public static readonly TimeSpan For = TimeSpan.FromDays(1);
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(15);
    private const string Step = "update-dns";

    // By group: the run that left them, and why each does not lead here; none: all do.
    private readonly ConcurrentDictionary<string, (Guid Run, IReadOnlyList<string> Problems)> _known =
        new(StringComparer.Ordinal);

    public IReadOnlyList<Condition> Conditions(Observation now) =>
    [
        .. from known in _known
           where known.Value.Problems.Count > 0
           select new Condition(AlertKind.NamesBehind, AlertSeverity.Warning, known.Key, ReasonCode.NamesNotUpdated,
               $"names of group {known.Key} do not lead to site {here.Name}, where it runs: "
               + string.Join("; ", known.Value.Problems),
               $"It is tried again every {Every.TotalSeconds:0} s for a day after the move. Mend what the reason says; "
               + "docs/operating/dns.md.")
           {
               Group = known.Key,
               Tenant = GroupName.TenantOf(known.Key),
               Patience = TimeSpan.Zero,
           },
    ];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception e) when (ControllerDatabase.IsUnavailable(e))
            {
                // The runs say so (RunHost); what is behind stays so until the next round.
            }
        }
    }

    private async Task LookAsync(CancellationToken ct)
    {
        var mine = groups.All().Where(r => !r.Removed).Select(r => r.Definition)
            .Where(g => g.PrimarySite == here.Name && g.Dns is { Names.Count: > 0 }).ToList();
        foreach (var gone in _known.Keys.Except(mine.Select(g => g.Name)).ToList()) _known.TryRemove(gone, out _);
        foreach (var group in mine)
        {
            try
            {
                await LookAsync(group, ct);
            }
            // The top of a loop: what is behind stays so until the next round.
            catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
            {
                LogRoundFailed(e, group.Name);
            }
        }
    }

    private async Task LookAsync(GroupDefinition group, CancellationToken ct)
    {
        if (leases.Hold(LeaseName.Group(group.Name)) is not { } tenure || await LeftByAsync(group, ct) is not { } run)
        {
            _known.TryRemove(group.Name, out _);
            return;
        }
        if (_known.TryGetValue(group.Name, out var known) && known.Run == run.Id && known.Problems.Count == 0) return;
        var directions = new NameDirections(TenuredSide.Of<IOwnSide>(here, tenure), group);
        var (evidence, problems) = (new List<string>(), new List<string>());
        foreach (var name in group.Dns!.Names)
        {
            var outcome = await directions.LeadAsync(name, ct);
            evidence.AddRange(outcome.Evidence);
            if (outcome.Problem is { } problem) problems.Add(problem);
        }
        _known[group.Name] = (run.Id, problems);
        if (problems.Count == 0) LogLed(group.Name, string.Join("; ", evidence), run.Id);
    }

    /// <summary>The newest move of the group to this site, if it left names behind.</summary>
    private async Task<Run?> LeftByAsync(GroupDefinition group, CancellationToken ct)
    {
        var ended = await runs.EndedSinceAsync(group.Name, time.GetUtcNow() - For, ct);
        var newest = ended.Where(r => RunRules.LeadsNames(r.Kind)).MaxBy(r => r.CreatedAt);
        return newest?.Steps.Any(s => s.Name == Step && s.State is StepState.Warned) == true ? newest : null;
    }

    [LoggerMessage(EventIds.NamesLed, LogLevel.Information,
        "Group {Group}: what run {Run} left behind is done: {Evidence}")]
    private partial void LogLed(string group, string evidence, Guid run);

    [LoggerMessage(EventIds.NamesRoundFailed, LogLevel.Error, "Group {Group}: its names could not be looked at")]
    private partial void LogRoundFailed(Exception cause, string group);
}
