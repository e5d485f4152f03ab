// SPDX-License-Identifier: Apache-2.0
using System.Collections.Frozen;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Metrics;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Api;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.ServiceLevels;
using Lifeboat.Controller.Standing;
using Lifeboat.Controller.Watching;
using Microsoft.AspNetCore.Http;
using Prometheus;

namespace Lifeboat.Controller.Metrics;

/// <summary>`/metrics` of the controller: from the newest look at the site, so that asking costs the agents nothing.
/// </summary>
internal sealed class SiteMetrics : IWatcher
{
    private static readonly FrozenSet<string> Methods = FrozenSet.Create(StringComparer.Ordinal, HttpMethods.Get,
        HttpMethods.Head, HttpMethods.Post, HttpMethods.Put, HttpMethods.Patch, HttpMethods.Delete,
        HttpMethods.Options);

    private readonly AlertStore _alerts;
    private readonly AlertDeliveries _deliveries;
    private readonly LevelLedger _levels;
    private readonly StandingBook _standing;
    private readonly PeerDirectory _peers;
    private readonly SiteIdentity _identity;
    private readonly TimeProvider _time;
    private readonly LiveMetrics _live = new();
    private readonly Histogram _requests;
    private readonly Histogram _steps;
    private readonly Counter _ended;
    private readonly Histogram _looks;
    private HashSet<(Guid Run, DateTimeOffset? End)> _counted = [];
    private Observation? _newest;

    public SiteMetrics(AlertStore alerts, AlertDeliveries deliveries, LevelLedger levels, PeerDirectory peers,
        SiteIdentity identity, StandingBook standing, TimeProvider time)
    {
        _standing = standing;
        (_alerts, _deliveries, _levels) = (alerts, deliveries, levels);
        (_peers, _identity, _time) = (peers, identity, time);
        _requests = _live.Histogram("lifeboat_api_request_seconds",
            0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30);
        _steps = _live.Histogram("lifeboat_run_step_seconds", 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600);
        _ended = _live.Counter("lifeboat_runs_total");
        _looks = _live.Histogram("lifeboat_round_seconds", 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30);
    }

    /// <summary>Each controller has figures of its own.</summary>
    public bool IsAlone => false;

    /// <param name="route">As it was declared: the names of things in a path would make a series each.</param>
    public void Requested(string method, string route, int code, TimeSpan took) =>
        _requests.WithLabels(Known(method), route, $"{code}").Observe(took.TotalSeconds);

    // Whatever word stands there is a method, also one that a stranger made up: each would be a series for ever.
    private static string Known(string method) => Methods.Contains(method) ? method : "other";

    /// <param name="round">What the controller does again and again: `reconcile` or `look`.</param>
    public void Looked(string round, TimeSpan took) => _looks.WithLabels(round).Observe(took.TotalSeconds);

    public Task SeeAsync(Observation observation, CancellationToken ct)
    {
        // The first look gives old runs too, which ended under an earlier controller.
        if (!observation.IsFirst)
            foreach (var run in observation.Runs.Where(r => r.Finished && !_counted.Contains((r.Id, r.FinishedAt))))
            {
                _ended.WithLabels(DataPathMetrics.Name(run.Kind), DataPathMetrics.Name(run.State)).Inc();
                foreach (var step in run.Steps)
                    if (step.Duration is { } took)
                        _steps.WithLabels(step.Name, DataPathMetrics.Name(step.State)).Observe(took.TotalSeconds);
            }
        // Told again because somebody else could make nothing of it, it is not counted again.
        _counted = [.. observation.Runs.Where(r => r.Finished).Select(r => (r.Id, r.FinishedAt))];
        _newest = observation;
        return Task.CompletedTask;
    }

    public Task<string> TextAsync(CancellationToken ct)
    {
        var page = new MetricPage();
        page.Add("lifeboat_build_info", 1, SiteEndpoints.Version);
        foreach (var peer in _peers.All)
            page.Add("lifeboat_peer_requests_total", _peers.RequestsTo(peer.Name), peer.Name);
        var now = _time.GetUtcNow();
        foreach (var c in _identity.Certificates())
            page.Add("lifeboat_certificate_expires_seconds", Math.Round((c.NotAfter - now).TotalSeconds), c.Site,
                c.Role);
        if (_newest is { } seen) Add(page, seen, now);
        foreach (var alerts in _alerts.List(over: false, null, int.MaxValue).GroupBy(a => (a.Kind, a.Severity)))
            page.Add("lifeboat_alerts_open", alerts.Count(), DataPathMetrics.Name(alerts.Key.Kind),
                DataPathMetrics.Name(alerts.Key.Severity));
        foreach (var (group, share) in _levels.Attainments())
            page.Add("lifeboat_rpo_attainment_ratio", share, group);
        foreach (var (group, at) in _standing.Ages())
            page.Add("lifeboat_standing_age_seconds", (now - at).TotalSeconds, group);
        foreach (var (group, bytes) in _standing.Written)
            page.Add("lifeboat_standing_written_bytes_total", bytes, group);
        foreach (var (target, (waiting, dead)) in _deliveries.Counts())
        {
            page.Add("lifeboat_alert_deliveries", waiting, target, "waiting");
            page.Add("lifeboat_alert_deliveries", dead, target, "dead");
        }
        return page.TextAsync(_live, ct);
    }

    private static void Add(MetricPage page, Observation seen, DateTimeOffset now)
    {
        page.Add("lifeboat_observation_age_seconds", (now - seen.At).TotalSeconds);
        foreach (var group in seen.Groups) Add(page, seen, group);
        foreach (var host in seen.Agents)
        {
            page.Add("lifeboat_agent_up", host.Agent is null ? 0 : 1, host.Host);
            if (host.Agent is { } agent) DataPathMetrics.Add(page, agent);
        }
        foreach (var link in seen.Links) DataPathMetrics.Add(page, link);
        foreach (var peer in seen.Peers) page.Add("lifeboat_site_reachable", peer.Reachable ? 1 : 0, peer.Name);
        foreach (var runs in seen.Runs.Where(r => !r.Finished).GroupBy(r => r.Kind))
            page.Add("lifeboat_runs_under_way", runs.Count(), DataPathMetrics.Name(runs.Key));
    }

    private static void Add(MetricPage page, Observation seen, GroupInfo group)
    {
        var name = group.Definition.Name;
        var tenant = Tenants.Of(group.Definition);
        page.Add("lifeboat_group_state", 1, name, tenant, DataPathMetrics.Name(group.State));
        page.Add("lifeboat_group_volume_bytes", group.Definition.Volumes.Sum(v => v.SizeBytes), name, tenant);
        page.Add("lifeboat_exposure_seconds", group.Exposure?.TotalSeconds, name);
        page.Add("lifeboat_rpo_target_seconds", group.Definition.Policy.RpoTarget.TotalSeconds, name);
        if (seen.SourceOf(group) is { } source) DataPathMetrics.Add(page, source);
        if (seen.ReplicaOf(group) is { } replica) DataPathMetrics.Add(page, replica, seen.At);
    }
}
