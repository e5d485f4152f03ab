// SPDX-License-Identifier: Apache-2.0
using System.Collections.Frozen;
using static Lifeboat.Contracts.Metrics.MetricKind;

namespace Lifeboat.Contracts.Metrics;

/// <summary>
/// Every metric by name: nothing else is given, and documentation, dashboard and alert rules use no other name. A name
/// once released keeps its meaning.
/// </summary>
public static class MetricCatalog
{
    private const string Controller = "controller";
    private const string Agent = "agent";
    private const string Both = "both";

    public static readonly IReadOnlyList<MetricInfo> All =
    [
        new("lifeboat_build_info", Gauge, Both, "1, with the version.", "version"),

        // Sources and replicas: what the agents know.
        new("lifeboat_lag_seconds", Gauge, Both, "Age of the oldest write that was not made durable at the recovery "
            + "site.", "group"),
        new("lifeboat_source_phase", Gauge, Both, "1 for the phase that the source is in.", "group", "phase"),
        new("lifeboat_captured_bytes_total", Counter, Both, "Bytes that guests wrote and that were captured.",
            "group"),
        new("lifeboat_shipped_bytes_total", Counter, Both, "Bytes of records shipped, replays included.", "group"),
        new("lifeboat_wire_bytes_total", Counter, Both, "Bytes of frames that records travelled in, packed or not.",
            "group"),
        new("lifeboat_captured_sequence", Gauge, Both, "Newest record of the stream at the source.", "group"),
        new("lifeboat_durable_sequence", Gauge, Both, "Newest record that is durable at the recovery site, as the "
            + "source knows it and as the replica has it.", "group", "at"),
        new("lifeboat_folded_sequence", Gauge, Both, "Record that the base images stand at.", "group"),
        new("lifeboat_outbox_bytes", Gauge, Both, "Writes that are not durable at the recovery site, by place.",
            "group", "place"),
        new("lifeboat_outbox_rung", Gauge, Both, "1 for where writes are kept now.", "group", "rung"),
        new("lifeboat_resync_progress_ratio", Gauge, Both, "How far the sync under way is, 0 to 1.", "group"),
        new("lifeboat_resync_moved_bytes", Gauge, Both, "Payload that the last sync moved.", "group"),
        new("lifeboat_attaches_total", Counter, Both, "How often the source attached to its disks.", "group"),
        new("lifeboat_replica_connected", Gauge, Both, "1 while a source is connected.", "group"),
        new("lifeboat_journal_bytes", Gauge, Both, "Length of the journal at the recovery site.", "group"),
        new("lifeboat_history_seconds", Gauge, Both, "From the oldest point to the newest.", "group"),
        new("lifeboat_points", Gauge, Both, "Recovery points that can be opened.", "group"),
        new("lifeboat_received_bytes_total", Counter, Both, "Bytes that the replica was sent since its agent started.",
            "group"),
        new("lifeboat_refused_frames_total", Counter, Both, "Frames that the replica refused since its agent started.",
            "group"),
        new("lifeboat_replica_damages", Gauge, Both, "Damaged places that wait for the source.", "group"),
        new("lifeboat_views", Gauge, Both, "Opened views of points.", "group"),
        new("lifeboat_scrub_age_seconds", Gauge, Both, "Since the end of the last full pass of the scrubber.",
            "group"),

        // What an agent alone knows of itself.
        new("lifeboat_guest_hold_seconds", Histogram, Agent, "How long a captured write waited for its place in the "
            + "stream: what capture costs the guest on our side."),
        new("lifeboat_guest_slow_writes_total", Counter, Both, "Captured writes that waited longer than 0.1 s.",
            "host"),
        new("lifeboat_guest_longest_hold_seconds", Gauge, Both, "The longest such wait since the agent started.",
            "host"),
        new("lifeboat_store_free_bytes", Gauge, Both, "Free in the file system of the replicas.", "host"),
        new("lifeboat_store_bytes", Gauge, Both, "Size of the file system of the replicas.", "host"),
        new("lifeboat_link_bytes_total", Counter, Both, "Bytes of frames sent to a paired site since the agent "
            + "started.", "peer"),
        new("lifeboat_link_rate_limit_bytes", Gauge, Both, "Cap on the link now, bytes per second; absent: none.",
            "peer"),
        new("lifeboat_link_path_bytes_total", Counter, Both, "Bytes sent over a path of a link.", "peer", "path"),
        new("lifeboat_link_path_up", Gauge, Both, "Connections over a path that live.", "peer", "path"),
        new("lifeboat_link_path_wanted", Gauge, Both, "Connections over a path that are wanted.", "peer", "path"),

        // What the controller knows.
        new("lifeboat_group_state", Gauge, Controller, "1 for the state that the group is in.", "group", "tenant",
            "state"),
        new("lifeboat_group_volume_bytes", Gauge, Controller, "Size of the group's volumes.", "group", "tenant"),
        new("lifeboat_exposure_seconds", Gauge, Controller, "Age of the newest point: what a failover now would lose "
            + "at most.", "group"),
        new("lifeboat_rpo_target_seconds", Gauge, Controller, "What the policy allows to lose.", "group"),
        new("lifeboat_rpo_attainment_ratio", Gauge, Controller, "Share of the present month's measured time in which "
            + "the RPO target was met, 0 to 1.", "group"),
        new("lifeboat_standing_age_seconds", Gauge, Controller, "Age of the oldest point that a standing volume of the "
            + "group is at.", "group"),
        new("lifeboat_standing_written_bytes_total", Counter, Controller, "Written to standing volumes of the group "
            + "since the start.", "group"),
        new("lifeboat_agent_up", Gauge, Controller, "1 while the agent of the host answers.", "host"),
        new("lifeboat_site_reachable", Gauge, Controller, "1 while the controller of a paired site answers.", "peer"),
        new("lifeboat_peer_requests_total", Counter, Controller, "Requests made to a paired site since the start.",
            "peer"),
        new("lifeboat_certificate_expires_seconds", Gauge, Controller, "Until a certificate is over.", "site",
            "role"),
        new("lifeboat_runs_under_way", Gauge, Controller, "Runs that are not finished.", "kind"),
        new("lifeboat_runs_total", Counter, Controller, "Runs that ended since the start, by how.", "kind", "state"),
        new("lifeboat_run_step_seconds", Histogram, Controller, "How long steps of runs took.", "step", "state"),
        new("lifeboat_alerts_open", Gauge, Controller, "Alerts that are open.", "kind", "severity"),
        new("lifeboat_alert_deliveries", Gauge, Controller, "Deliveries of alerts that wait or were given up.",
            "target", "state"),
        new("lifeboat_api_request_seconds", Histogram, Controller, "How long requests took, by route.", "method",
            "route", "code"),
        new("lifeboat_round_seconds", Histogram, Controller, "How long a round of what the controller does again and "
            + "again took: `reconcile` (every 2 s) and `look` (every 5 s).", "round"),
        new("lifeboat_observation_age_seconds", Gauge, Controller, "Age of the look at the site that the other "
            + "figures are from."),
    ];

    private static readonly FrozenDictionary<string, MetricInfo> ByName =
        All.ToFrozenDictionary(m => m.Name, StringComparer.Ordinal);

    public static MetricInfo Get(string name) => ByName[name];
}
