// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Runs;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Schedules;

// Starts the drills that policies ask for, where the replica is.
//
//   due since the last look? ── several, because no controller ran: the last one stands for all
//        │
//        ├─ run started under the key `drill-due-SECONDS` ─► noted as started. Killed in between: the same key
//        │                                  gives the same run after the restart, so that none is started twice
//        └─ refused (another run, no point, …) ─► noted as skipped, with the reason; an alert until a drill takes place
internal sealed partial class DrillSchedule(GroupStore groups, LocalSide here, RunHost runs, DrillBook book,
    ILeases leases, TimeProvider time, ILogger<DrillSchedule> logger) : BackgroundService
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Look, time);
        do
        {
            await LookAsync(stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task LookAsync(CancellationToken ct)
    {
        try
        {
            var known = book.Calendars();
            foreach (var group in groups.All().Where(r => !r.Removed).Select(r => r.Definition))
                if (group.RecoverySite == here.Name && group.Policy.Drills() is { } calendar
                    && leases.TryHold(LeaseName.Group(group.Name))) await TryLookAsync(group, calendar, known, ct);
        }
        catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
        {
            // The top of a loop: what is due stays due.
            LogRoundFailed(e);
        }
    }

    // A group whose drill cannot even be asked for keeps no other one from its own.
    private async Task TryLookAsync(GroupDefinition group, Protection.Policies.Calendar calendar,
        IReadOnlyDictionary<string, (string Calendar, DateTimeOffset Since)> known, CancellationToken ct)
    {
        try
        {
            await LookAsync(group, calendar, known, ct);
        }
        catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
        {
            LogRoundFailed(e);
        }
    }

    private async Task LookAsync(GroupDefinition group, Protection.Policies.Calendar calendar,
        IReadOnlyDictionary<string, (string Calendar, DateTimeOffset Since)> known, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var text = $"{group.Policy.DrillCalendar} {group.Policy.DrillTimeZone}";
        var since = known.TryGetValue(group.Name, out var of) && of.Calendar == text ? of.Since
            : book.Since(group.Name, text, now);
        var (due, missed) = calendar.Between(since, now);
        if (due is not { } at) return;
        book.Add(group.Name, text, await StartAsync(group.Name, at, missed, ct));
    }

    private async Task<DueDrill> StartAsync(string group, DateTimeOffset due, int missed, CancellationToken ct)
    {
        try
        {
            var run = await runs.StartAsync(group, new StartRunRequest
            {
                Kind = RunKind.TestFailover,
                IdempotencyKey = string.Create(CultureInfo.InvariantCulture, $"drill-due-{due.ToUnixTimeSeconds()}"),
            }, ct);
            LogStarted(run.Id, group, due);
            return new DueDrill(due, DueOutcome.Started, run.Id, time.GetUtcNow(), missed, ReasonCode.None, null);
        }
        catch (ProblemException e)
        {
            LogSkipped(group, due, e.Reason, e.Message);
            return new DueDrill(due, DueOutcome.Skipped, null, time.GetUtcNow(), missed, e.Reason,
                e.Detail is { } detail ? $"{e.Message}: {detail}" : e.Message);
        }
    }

    [LoggerMessage(EventIds.DrillStarted, LogLevel.Information, "Run {Run}: the drill of {Group} that is due at {Due}")]
    private partial void LogStarted(Guid run, string group, DateTimeOffset due);

    [LoggerMessage(EventIds.DrillSkipped, LogLevel.Warning,
        "The drill of {Group} that is due at {Due} does not take place: {Reason}: {Message}")]
    private partial void LogSkipped(string group, DateTimeOffset due, ReasonCode reason, string message);

    [LoggerMessage(EventIds.ScheduleRoundFailed, LogLevel.Error,
        "The drill calendars could not be looked at")]
    private partial void LogRoundFailed(Exception cause);
}
