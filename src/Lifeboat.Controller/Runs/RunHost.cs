// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Names;
using Lifeboat.Recovery.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Sites;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Runs;

// Carries out the runs of those groups whose lease this controller holds: those that were asked for here or at another
// controller of the site, and those that an earlier process, or a controller that is gone, left unfinished. What people
// ask of a run meanwhile, wherever, is looked up in the database.
internal sealed partial class RunHost : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(500);
    // Sites hear of each other every two seconds.
    private static readonly TimeSpan JustNow = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(5);
    // So that the lease of every group is with somebody before there is anything to do.
    private const int LooksPerCensus = 10;

    private readonly Runner _runner;
    private readonly IRunStore _store;
    private readonly RunFeed _feed;
    private readonly ReportFiles _reports;
    private readonly LocalSide _here;
    private readonly GroupOverview _groups;
    private readonly Divergences _divergences;
    private readonly ILeases _leases;
    private readonly GroupStore _known;
    private readonly TimeProvider _time;
    private readonly TenantStore _tenants;
    private readonly PeerDirectory _peers;
    private readonly ILogger<RunHost> _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<Guid, Task> _carried = new();
    private bool _away;

    public RunHost(Runner runner, IRunStore store, RunFeed feed, ReportFiles reports, LocalSide here,
        GroupOverview groups, Divergences divergences, ILeases leases, GroupStore known, TenantStore tenants,
        PeerDirectory peers, TimeProvider time, ILogger<RunHost> logger)
    {
        (_runner, _store, _feed, _reports) = (runner, store, feed, reports);
        (_here, _groups, _divergences, _tenants, _logger) = (here, groups, divergences, tenants, logger);
        (_leases, _known, _peers, _time) = (leases, known, peers, time);
        // The end is published when the report is there too.
        _runner.Changed = (run, progress) =>
        {
            if (!run.Finished) _feed.Publish(run, progress);
        };
    }

    public Task<Run> StartAsync(string group, StartRunRequest request, CancellationToken ct) =>
        StartAsync(group, request, null, ct);

    /// <param name="by">Who asks; null: the site by itself.</param>
    public async Task<Run> StartAsync(string group, StartRunRequest request, string? by, CancellationToken ct)
    {
        var definition = _here.Require(group);
        request = request with { IdempotencyKey = request.IdempotencyKey ?? RequestKey.Current };
        // Said again after its run has changed what would be checked now.
        if (request.IdempotencyKey is { } key && await _store.FindByKeyAsync(group, key, ct) is { } same)
        {
            // Whoever asks for a failover must not be answered with the drill of last week.
            return same.Kind == request.Kind ? same : throw new ProblemException(ReasonCode.KeyReused,
                $"the idempotency key '{key}' belongs to run {same.Id}, which is a {RunRules.Name(same.Kind)}",
                "A key is for one request and its repetitions; take a new one.");
        }
        await ThrowIfNoPointAsync(definition, request, ct);
        await ThrowIfSourceLivesAsync(definition, request, ct);
        var input = await InputAsync(definition, request, ct) with
        {
            RequestedBy = by,
            FourEyes = request.Kind is not RunKind.TestFailover
                && _tenants.Find(definition.Tenant)?.Limits.FourEyes == true,
        };
        RunRules.Check(request.Kind, definition, input, _here.Name);
        await ThrowIfGapsAsync(definition, request, ct);
        var run = await _runner.CreateAsync(request.Kind, definition, input, Protected(definition), ct);
        if (run.State is RunState.Pending) Launch(run);
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

    // Two sites that write are worse than one that is down. Nobody is asked over there (I11): whether its agent is
    // connected here, and when its controller was heard of last, is known.
    private async Task ThrowIfSourceLivesAsync(GroupDefinition group, StartRunRequest request, CancellationToken ct)
    {
        var (left, now) = (group.PrimarySite, _time.GetUtcNow());
        if (request is not { Kind: RunKind.Failover, SourceIsDead: false } || group.RecoverySite != _here.Name
            || !_peers.Knows(left) || _peers.Client(left).LastSeen is not { } seen || now - seen > JustNow
            || await _here.ReplicaAsync(group.Name, ct) is not { Connected: true }) return;
        throw new ProblemException(ReasonCode.WrongState,
            $"site {left} lives: the source of group {group.Name} is connected, and its controller was heard of "
            + $"{(now - seen).TotalSeconds:0} s ago",
            "Its instances would go on and both sites would write. `lifeboat failover --planned` moves them and loses "
            + "nothing; if they are gone for good all the same, say so with --source-is-dead.");
    }

    /// <summary>How long a run would take, from what earlier ones took; null: none was ever measured.</summary>
    /// <exception cref="ProblemException">It cannot be run so; with all faults.</exception>
    public async Task<TimeSpan?> PredictAsync(string group, StartRunRequest request, CancellationToken ct)
    {
        var definition = _here.Require(group);
        var input = await InputAsync(definition, request, ct);
        RunRules.Check(request.Kind, definition, input, _here.Name);
        var steps = await _runner.PlanAsync(request.Kind, definition, input, Protected(definition), ct);
        return steps.All(s => s.Predicted is null) ? null : TimeSpan.FromTicks(steps.Sum(s => s.Predicted?.Ticks ?? 0));
    }

    // Every gap of every member before the first step, instead of the first one in the middle of the run. While another
    // run builds the same members its things would be gaps of this one, which is refused anyway.
    private async Task ThrowIfGapsAsync(GroupDefinition group, StartRunRequest request, CancellationToken ct)
    {
        if (request.DespiteGaps || (await _store.UnfinishedAsync(ct)).Any(r => r.Group == group.Name)) return;
        SiteFit fit;
        try
        {
            fit = await GroupFit.AskAsync(_here, group, request.Kind, Reprotects(group, request.Kind), ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.CloudUnavailable)
        {
            // Its steps wait for the cloud; whoever asks for a failover now is not to ask again and again.
            LogNotFitted(group.Name, e.Message);
            return;
        }
        if (fit.Gaps.Count == 0) return;
        throw new ProblemException(ReasonCode.PlanGaps,
            $"the {RunRules.Name(request.Kind)} of group {group.Name} has {fit.Gaps.Count} gap(s) at site {_here.Name}",
            "Nothing was started. Close them; `--despite-gaps` starts it all the same, as far as it comes.", fit.Gaps);
    }

    public async Task<PlanInfo> PlanAsync(string group, StartRunRequest request, CancellationToken ct)
    {
        var definition = _here.Require(group);
        var input = await InputAsync(definition, request, ct);
        RunRules.Check(request.Kind, definition, input, _here.Name);
        var steps = await _runner.PlanAsync(request.Kind, definition, input, Protected(definition), ct);
        var fit = await GroupFit.AskAsync(_here, definition, request.Kind,
            Reprotects(definition, request.Kind), ct);
        // A name that cannot be led holds no run up.
        var names = RunRules.LeadsNames(request.Kind)
            ? (await new NameDirections(_here, definition).ProblemsAsync(ct)).Select(p => $"DNS: {p}") : [];
        return new PlanInfo(group, request.Kind, _here.Name,
            [.. steps.Select(s => new PlannedStepInfo(s.Index, s.Name, s.Title, s.Predicted))],
            steps.All(s => s.Predicted is null) ? null
                : TimeSpan.FromTicks(steps.Sum(s => s.Predicted?.Ticks ?? 0)), fit.Gaps)
        {
            Notes = [.. fit.Notes, .. names],
        };
    }

    /// <param name="by">Somebody else than who asked for it, with the same rights.</param>
    public async Task<Run> ApproveAsync(Guid id, string by, CancellationToken ct)
    {
        var run = await _runner.ApproveAsync(id, by, ct);
        Launch(run);
        return run;
    }

    public async Task<Run> RetryAsync(Guid id, CancellationToken ct)
    {
        var run = await _runner.RetryAsync(id, ct);
        Launch(run);
        return run;
    }

    public async Task<Run> SignalAsync(Guid id, RunSignal signal, CancellationToken ct)
    {
        var run = await _runner.SignalAsync(id, signal, ct);
        // Nobody carries it out yet: it is ended by being begun.
        if (run.State is RunState.WaitingApproval) Launch(run);
        return await GetAsync(id, ct);
    }

    public async Task<Run> GetAsync(Guid id, CancellationToken ct) => await _store.FindAsync(id, ct)
        ?? throw new ProblemException(ReasonCode.RunUnknown, $"there is no run {id} at this site");

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await base.StopAsync(cancellationToken);
        // Another controller takes the runs over as soon as this one has let go of them.
        await Task.WhenAny(Task.WhenAll(_carried.Values), Task.Delay(EndLimit, _time, cancellationToken));
    }

    public override void Dispose()
    {
        _stopping.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, _time);
        for (var look = 0; ; look++)
        {
            try
            {
                if (look % LooksPerCensus == 0) foreach (var group in _known.Names()) Wants(group);
                await LookAsync(stoppingToken);
                _away = false;
            }
            catch (Exception e) when (ControllerDatabase.IsUnavailable(e))
            {
                if (!_away) LogDatabaseAway(e.Message);
                _away = true;
            }
            // The top of a loop: what left here would end the controller, and with it every run.
            catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
            {
                LogRoundFailed(e);
            }
            if (!await timer.WaitForNextTickAsync(stoppingToken)) return;
        }
    }

    private void Wants(string group) => _leases.TryHold(LeaseName.Group(group));

    private async Task LookAsync(CancellationToken ct)
    {
        foreach (var run in await _store.UnfinishedAsync(ct)) Launch(run);
        await _runner.ApplySignalsAsync(ct);
        // Who watches a run here that is carried out elsewhere sees what is stored of it.
        foreach (var watched in _feed.Watched.Where(w => !_carried.ContainsKey(w)))
            if (await _store.FindAsync(watched, ct) is { } run) _feed.Publish(run, null);
    }

    private bool Reprotects(GroupDefinition group, RunKind kind) => kind is RunKind.Failback && !Protected(group);

    private bool Protected(GroupDefinition group) =>
        group.RecoverySite == _here.Name && _groups.ReplicaWanted(group);

    // A choice between two sides that both wrote is made once, by a resolve, and not on the way by another run.
    private async Task<RunInput> InputAsync(GroupDefinition group, StartRunRequest request, CancellationToken ct)
    {
        var input = new RunInput(request.PointId, request.Checks ?? [], request.Hold, request.IdempotencyKey)
        {
            Ways = request.Ways ?? [],
            DespiteGaps = request.DespiteGaps,
        };
        if (request.Kind is RunKind.Reprotect or RunKind.Failback) await _divergences.ThrowIfOpenAsync(group, ct);
        if (request.Choice is not { } choice || request.Kind is not RunKind.Resolve) return input;
        // At the wrong site the rules say so, before anybody is asked which side is the newest.
        return group.PrimarySite != _here.Name ? input
            : input with { Resolution = await _divergences.ResolutionAsync(group, choice, ct) };
    }

    private void Launch(Run run)
    {
        if (_leases.Hold(LeaseName.Group(run.Group)) is not { } tenure || _carried.ContainsKey(run.Id)) return;
        var begin = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_carried.TryAdd(run.Id, CarryOutAsync(run.Id, tenure, begin.Task, _stopping.Token))) begin.SetResult();
        else begin.SetCanceled(CancellationToken.None);
    }

    private async Task CarryOutAsync(Guid id, Tenure tenure, Task begin, CancellationToken ct)
    {
        // Taken up after a restart there is no request any more whose id it could carry.
        RequestTrace.Current ??= new RequestTrace($"run-{id:N}", null);
        try
        {
            // The request that asked for the run must not wait for its first step; and it is carried out already
            // when this is not the first to be asked.
            await begin;
        }
        catch (OperationCanceledException)
        {
            return;
        }
        if (await EndsAsync(id, tenure, ct)) _carried.TryRemove(id, out _);
    }

    /// <returns>False: it must not be taken up again by this process.</returns>
    private async Task<bool> EndsAsync(Guid id, Tenure tenure, CancellationToken ct)
    {
        try
        {
            var run = await _runner.ExecuteAsync(id, tenure, ct);
            if (!run.Finished) return true; // it waits to be approved
            try
            {
                await _reports.OfAsync(run, ct);
            }
            finally
            {
                _feed.Publish(run, null);
            }
            return true;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested || !tenure.Holds)
        {
            // The controller stops, or another one has taken the run over.
            return true;
        }
        catch (Exception e) when (ControllerDatabase.IsUnavailable(e))
        {
            LogDatabaseAway(e.Message);
            return true;
        }
        catch (Exception e)
        {
            LogRunCrashed(e, id);
            return false;
        }
    }

    [LoggerMessage(EventIds.RunCrashed, LogLevel.Critical,
        "Run {Run} could not be carried on; it is taken up when the controller starts again")]
    private partial void LogRunCrashed(Exception cause, Guid run);

    [LoggerMessage(EventIds.RunNotFitted, LogLevel.Warning,
        "Whether the members of {Group} fit is not known and its run begins all the same: {Message}")]
    private partial void LogNotFitted(string group, string message);

    [LoggerMessage(EventIds.RunRoundFailed, LogLevel.Error, "A look for runs that are to be carried out failed")]
    private partial void LogRoundFailed(Exception cause);

    [LoggerMessage(EventIds.RunsWait, LogLevel.Warning, "Runs wait for the database: {Message}")]
    private partial void LogDatabaseAway(string message);
}
