// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Data.Common;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Runs;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Watching;

/// <summary>
/// Writes down what changes at the site (runs at once, everything else with the next look), and lets watchers follow
/// from where they were.
/// </summary>
internal sealed partial class SiteEvents : IWatcher
{
    private const int Batch = 200, ToldMax = 50_000;
    private static readonly TimeSpan RunsFor = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly SiteEventStore _store;
    private readonly AlertStore _alerts;
    private readonly RunFeed _runs;
    private readonly ILogger<SiteEvents> _logger;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<string, string> _told = new();
    private IReadOnlySet<string> _groups = new HashSet<string>();
    private IReadOnlyList<Guid> _live = [];
    private TaskCompletionSource _added = NewSignal();

    public SiteEvents(SiteEventStore store, AlertStore alerts, RunFeed runs, TimeProvider time,
        ILogger<SiteEvents> logger)
    {
        (_store, _alerts, _runs, _time, _logger) = (store, alerts, runs, time, logger);
        runs.Changed = Publish;
    }

    public Task SeeAsync(Observation observation, CancellationToken ct)
    {
        var found = new List<SiteEventStore.Line>();
        foreach (var group in observation.Groups) See(group, observation.At, found);
        var names = observation.Groups.Select(g => g.Definition.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var gone in _groups.Except(names))
            Find(found, $"group {gone}", "removed", new SiteEvent(0, observation.At, SiteEventKind.GroupState, null,
                gone, null, "removed", ReasonCode.None, $"group {gone} is no longer protected"));
        _groups = names;
        foreach (var run in observation.Runs.Where(r => r.FinishedAt is not { } end || observation.At - end < RunsFor))
            See(_runs.Describe(run), found);
        foreach (var alert in Alerts()) See(alert, found);
        Add(found);
        // Runs and alerts come and go; the log knows for itself what it has.
        if (_told.Count > ToldMax) _told.Clear();
        return Task.CompletedTask;
    }

    /// <summary>
    /// What happened behind a number, and then what happens, until the watcher goes away. Other controllers of the site
    /// write too: so it is looked for again every second.
    /// </summary>
    /// <returns>
    /// One of kind <see cref="SiteEventKind.Removed"/> where some were not kept until they were told. Null
    /// now and then: there was nothing, and the watcher may want to see that it is still told.
    /// </returns>
    public async IAsyncEnumerable<SiteEvent?> FollowAsync(long? after, TimeSpan aliveEvery,
        [EnumeratorCancellation] CancellationToken ct)
    {
        var last = after ?? _store.Newest();
        var (told, missed) = (_time.GetTimestamp(), 0L);
        while (true)
        {
            var signal = Volatile.Read(ref _added);
            var news = _store.After(last, Batch);
            // Looked at behind them: what was removed before they were read is told before them.
            if (_store.RemovedUpTo() is var removed && removed > last && removed > missed)
            {
                missed = removed;
                yield return Missed(last, removed);
            }
            foreach (var happened in news)
            {
                last = happened.Number;
                yield return happened;
            }
            if (news.Count > 0) told = _time.GetTimestamp();
            if (news.Count == Batch) continue;
            if (_time.GetElapsedTime(told) >= aliveEvery)
            {
                told = _time.GetTimestamp();
                yield return null;
            }
            await Task.WhenAny(signal.Task, Task.Delay(LookEvery, _time, ct));
            ct.ThrowIfCancellationRequested();
        }
    }

    // Its number is where the watcher is: what is still there of the removed stretch follows.
    private SiteEvent Missed(long after, long removed) => new(after, _time.GetUtcNow(), SiteEventKind.Removed, null,
        null, string.Create(CultureInfo.InvariantCulture, $"{removed}"), "removed", ReasonCode.None,
        string.Create(CultureInfo.InvariantCulture,
            $"events {after + 1} to {removed} are no longer kept, or not all of them: look at everything anew"));

    // All that are live, however many were raised at once; those that were live at the look before and are not any
    // more; and the newest, for what began and ended in between.
    private List<Alert> Alerts()
    {
        var live = _alerts.Live().Values.ToDictionary(a => a.Id);
        var over = _live.Where(id => !live.ContainsKey(id)).Select(_alerts.Find).OfType<Alert>();
        List<Alert> all = [.. live.Values.Concat(over).Concat(_alerts.List(over: true, null, Batch))
            .DistinctBy(a => a.Id).OrderBy(a => a.Since)];
        _live = [.. live.Keys];
        return all;
    }

    private void See(GroupInfo group, DateTimeOffset at, List<SiteEventStore.Line> found)
    {
        var (definition, name) = (group.Definition, group.Definition.Name);
        var version = $"{definition.Epoch.Value}.{definition.Version}";
        Find(found, $"definition {name}", version, new SiteEvent(0, at, SiteEventKind.Definition, null, name, version,
            "changed", ReasonCode.None, $"group {name} runs at {definition.PrimarySite}, is recovered to "
            + $"{definition.RecoverySite}"));
        Find(found, $"group {name}", $"{group.State} {group.Reason}", new SiteEvent(0, at, SiteEventKind.GroupState,
            null, name, null, Shown(group.State), group.Reason,
            group.Detail ?? $"group {name} is {Shown(group.State)}"));
        if (group.NewestPoint is not { } point) return;
        Find(found, $"point {name}", point.Id.ToString(), new SiteEvent(0, at, SiteEventKind.Point, null, name,
            point.Id.ToString(), Shown(point.State), ReasonCode.None,
            $"{Shown(point.Consistency)}-consistent point of {point.CutAt:O}"));
    }

    private void See(Alert alert, List<SiteEventStore.Line> found)
    {
        var state = alert switch
        {
            { ClosedAt: not null } => "closed",
            { AcknowledgedAt: not null } => "acknowledged",
            _ => "raised",
        };
        var at = alert.ClosedAt ?? alert.AcknowledgedAt ?? alert.Since;
        Find(found, $"alert {alert.Id}", state, new SiteEvent(0, at, SiteEventKind.Alert, alert.Tenant, alert.Group,
            alert.Id.ToString(), state, alert.Reason, alert.Summary));
    }

    private void See(RunInfo run, List<SiteEventStore.Line> found) =>
        Find(found, $"run {run.Id}", Shape(run), Of(run));

    // A run goes on although nobody can be told of it now; the next look tells.
    private void Publish(RunInfo run)
    {
        try
        {
            var found = new List<SiteEventStore.Line>();
            See(run, found);
            Add(found);
        }
        catch (Exception e) when (e is DbException or ProblemException { Reason: ReasonCode.DatabaseUnavailable })
        {
            LogNotTold(e, run.Id);
        }
    }

    private static SiteEvent Of(RunInfo run)
    {
        var step = run.Steps.LastOrDefault(s => s.State is not StepState.Pending);
        return new SiteEvent(0, run.FinishedAt ?? step?.StartedAt ?? run.CreatedAt, SiteEventKind.Run, null, run.Group,
            run.Id.ToString(), Shown(run.State), run.Reason, step is null || run.Finished
                ? $"{Shown(run.Kind)} of {run.Group}: {Shown(run.State)}"
                : $"step {step.Index + 1} of {run.Steps.Count}, {step.Name}: {Shown(step.State)}");
    }

    // Progress within a step is no event.
    private static string Shape(RunInfo run) =>
        $"{run.State} {string.Concat(run.Steps.Select(s => $"{(int)s.State}.{s.Attempts} "))}";

    /// <summary>Writes down what somebody else saw, as far as it is news.</summary>
    public void Tell(IReadOnlyList<SiteEventStore.Line> seen)
    {
        var found = new List<SiteEventStore.Line>();
        foreach (var line in seen) Find(found, line.About, line.Now, line.Happened);
        Add(found);
    }

    private void Find(List<SiteEventStore.Line> found, string about, string now, SiteEvent happened)
    {
        // The log would find out itself; but a look at a thousand groups must not ask it three thousand times.
        if (!_told.TryGetValue(about, out var told) || told != now)
            found.Add(new SiteEventStore.Line(about, now, happened));
    }

    // All that a look found is one write.
    private void Add(IReadOnlyList<SiteEventStore.Line> found)
    {
        if (found.Count == 0) return;
        var added = _store.Add(found);
        foreach (var line in found) _told[line.About] = line.Now;
        if (added > 0) Interlocked.Exchange(ref _added, NewSignal()).TrySetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static string Shown<T>(T value) where T : struct, Enum =>
        JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    [LoggerMessage(EventIds.EventNotTold, LogLevel.Warning,
        "What run {Run} does could not be written to the event log")]
    private partial void LogNotTold(Exception cause, Guid run);
}
