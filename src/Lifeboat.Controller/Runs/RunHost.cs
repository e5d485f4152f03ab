// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Sides;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Runs;

/// <summary>Carries runs out in this process, and takes up at start what an earlier process left unfinished.</summary>
internal sealed partial class RunHost : BackgroundService
{
    private readonly Runner _runner;
    private readonly IRunStore _store;
    private readonly RunFeed _feed;
    private readonly ReportFiles _reports;
    private readonly LocalSide _here;
    private readonly GroupOverview _groups;
    private readonly Divergences _divergences;
    private readonly ILogger<RunHost> _logger;
    private readonly CancellationTokenSource _stopping = new();

    public RunHost(Runner runner, IRunStore store, RunFeed feed, ReportFiles reports, LocalSide here,
        GroupOverview groups, Divergences divergences, ILogger<RunHost> logger)
    {
        (_runner, _store, _feed, _reports) = (runner, store, feed, reports);
        (_here, _groups, _divergences, _logger) = (here, groups, divergences, logger);
        // The end is published when the report is there too.
        _runner.Changed = (run, progress) =>
        {
            if (!run.Finished) _feed.Publish(run, progress);
        };
    }

    public async Task<Run> StartAsync(string group, StartRunRequest request, CancellationToken ct)
    {
        var definition = _here.Require(group);
        // Said again after its run has changed what would be checked now.
        if (request.IdempotencyKey is { } key && await _store.FindByKeyAsync(group, key, ct) is { } same) return same;
        await ThrowIfNoPointAsync(definition, request, ct);
        var input = await InputAsync(definition, request, ct);
        var run = await _runner.CreateAsync(request.Kind, definition, input, Protected(definition), ct);
        if (run.State is RunState.Pending) Launch(run.Id);
        return run;
    }

    // Said before anything begins; the run looks again, for points can expire in between.
    private async Task ThrowIfNoPointAsync(GroupDefinition group, StartRunRequest request, CancellationToken ct)
    {
        if (request.Kind is not (RunKind.TestFailover or RunKind.Failover) || group.RecoverySite != _here.Name) return;
        var points = await _here.ReplicaAsync(group.Name, ct) is null ? [] : await _here.PointsAsync(group.Name, ct);
        if (points.All(p => p.IsOrigin) && request.PointId is null)
        {
            throw new ProblemException(ReasonCode.NoRecoveryPoint,
                $"group {group.Name} has no sealed recovery point here", "The initial sync must end first.");
        }
        if (request.PointId is { } wanted && points.All(p => p.Id != wanted))
        {
            throw new ProblemException(ReasonCode.PointUnknown, $"group {group.Name} has no point {wanted}",
                $"It has {points.Count}; list them with `lifeboat point list {group.Name}`.");
        }
    }

    public async Task<PlanInfo> PlanAsync(string group, StartRunRequest request, CancellationToken ct)
    {
        var definition = _here.Require(group);
        var input = await InputAsync(definition, request, ct);
        RunRules.Check(request.Kind, definition, input, _here.Name);
        var steps = await _runner.PlanAsync(request.Kind, definition, input, Protected(definition), ct);
        var gaps = new List<string>();
        var starts = request.Kind is not (RunKind.Reprotect or RunKind.Resolve);
        foreach (var member in definition.Members.Where(_ => starts))
        {
            var missing = await _here.GapsAsync(member.Description, ct);
            gaps.AddRange(missing.Select(gap => $"{member.Instance}: {gap}"));
        }
        return new PlanInfo(group, request.Kind, _here.Name,
            [.. steps.Select(s => new PlannedStepInfo(s.Index, s.Name, s.Title, s.Predicted))],
            steps.All(s => s.Predicted is null) ? null
                : TimeSpan.FromTicks(steps.Sum(s => s.Predicted?.Ticks ?? 0)), gaps);
    }

    public async Task<Run> RetryAsync(Guid id, CancellationToken ct)
    {
        var run = await _runner.RetryAsync(id, ct);
        Launch(id);
        return run;
    }

    public async Task<Run> SignalAsync(Guid id, RunSignal signal, CancellationToken ct)
    {
        await _runner.SignalAsync(id, signal, ct);
        return await GetAsync(id, ct);
    }

    public async Task<Run> GetAsync(Guid id, CancellationToken ct) => await _store.FindAsync(id, ct)
        ?? throw new ProblemException(ReasonCode.RunUnknown, $"there is no run {id} at this site");

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _stopping.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        foreach (var run in await _store.UnfinishedAsync(stoppingToken)) Launch(run.Id);
    }

    private bool Protected(GroupDefinition group) =>
        group.RecoverySite == _here.Name && _groups.ReplicaWanted(group);

    // A choice between two sides that both wrote is made once, by a resolve, and not on the way by another run.
    private async Task<RunInput> InputAsync(GroupDefinition group, StartRunRequest request, CancellationToken ct)
    {
        var input = new RunInput(request.PointId, request.Checks ?? [], request.Hold, request.IdempotencyKey);
        if (request.Kind is RunKind.Reprotect or RunKind.Failback) await _divergences.ThrowIfOpenAsync(group, ct);
        if (request.Choice is not { } choice || request.Kind is not RunKind.Resolve) return input;
        // At the wrong site the rules say so, before anybody is asked which side is the newest.
        return group.PrimarySite != _here.Name ? input
            : input with { Resolution = await _divergences.ResolutionAsync(group, choice, ct) };
    }

    private void Launch(Guid run) => _ = CarryOutAsync(run, _stopping.Token);

    private async Task CarryOutAsync(Guid id, CancellationToken ct)
    {
        // The request that asked for the run must not wait for its first step.
        await Task.Yield();
        try
        {
            var run = await _runner.ExecuteAsync(id, ct);
            try
            {
                await _reports.OfAsync(run, ct);
            }
            finally
            {
                _feed.Publish(run, null);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The controller stops; the run is taken up at its next start.
        }
        catch (Exception e)
        {
            LogRunCrashed(e, id);
        }
    }

    [LoggerMessage(EventIds.RunCrashed, LogLevel.Critical,
        "Run {Run} could not be carried on; it is taken up when the controller starts again")]
    private partial void LogRunCrashed(Exception cause, Guid run);
}
