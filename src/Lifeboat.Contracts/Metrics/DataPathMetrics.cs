// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Contracts.Metrics;

/// <summary>What agents say of sources, replicas and links, the same on their own page and on the controller's.
/// </summary>
public static class DataPathMetrics
{
    public static void Add(MetricPage page, SourceStatus source)
    {
        var group = source.Group;
        page.Add("lifeboat_lag_seconds", source.Lag.TotalSeconds, group);
        page.Add("lifeboat_source_phase", 1, group, Name(source.Phase));
        page.Add("lifeboat_captured_bytes_total", source.Totals?.CapturedBytes ?? source.CapturedBytes, group);
        page.Add("lifeboat_shipped_bytes_total", source.Totals?.ShippedBytes ?? source.ShippedBytes, group);
        page.Add("lifeboat_wire_bytes_total", source.Totals?.WireBytes ?? source.WireBytes, group);
        page.Add("lifeboat_captured_sequence", source.CapturedSequence, group);
        page.Add("lifeboat_durable_sequence", source.DurableSequence, group, "source");
        page.Add("lifeboat_outbox_bytes", source.Outbox?.MemoryBytes, group, "memory");
        page.Add("lifeboat_outbox_bytes", source.Outbox?.LogBytes, group, "log");
        if (source.Outbox is { } outbox) page.Add("lifeboat_outbox_rung", 1, group, Name(outbox.Rung));
        page.Add("lifeboat_resync_progress_ratio", source.ResyncProgress, group);
        page.Add("lifeboat_resync_moved_bytes", source.ResyncMovedBytes, group);
        page.Add("lifeboat_attaches_total", source.Attaches, group);
    }

    public static void Add(MetricPage page, ReplicaStatus replica, DateTimeOffset now)
    {
        var group = replica.Group;
        page.Add("lifeboat_replica_connected", replica.Connected ? 1 : 0, group);
        page.Add("lifeboat_durable_sequence", replica.DurableSequence, group, "replica");
        page.Add("lifeboat_folded_sequence", replica.FoldedSequence, group);
        page.Add("lifeboat_journal_bytes", replica.JournalBytes, group);
        page.Add("lifeboat_history_seconds", (replica.Newest?.CutAt - replica.Oldest?.CutAt)?.TotalSeconds, group);
        page.Add("lifeboat_points", replica.Points, group);
        page.Add("lifeboat_received_bytes_total", replica.ReceivedBytes, group);
        page.Add("lifeboat_refused_frames_total", replica.RefusedFrames, group);
        page.Add("lifeboat_replica_damages", replica.Damages.Count(d => d.MendedAt is null), group);
        page.Add("lifeboat_views", replica.Views.Count, group);
        page.Add("lifeboat_scrub_age_seconds", (now - replica.Scrub?.LastPassAt)?.TotalSeconds, group);
    }

    public static void Add(MetricPage page, AgentStatus agent)
    {
        page.Add("lifeboat_guest_slow_writes_total", agent.Holds?.Slow, agent.Host);
        page.Add("lifeboat_guest_longest_hold_seconds", agent.Holds?.LongestSeconds, agent.Host);
        page.Add("lifeboat_store_free_bytes", agent.Store?.FreeBytes, agent.Host);
        page.Add("lifeboat_store_bytes", agent.Store?.TotalBytes, agent.Host);
    }

    public static void Add(MetricPage page, LinkStatus link)
    {
        page.Add("lifeboat_link_bytes_total", link.WireBytes, link.Peer);
        page.Add("lifeboat_link_rate_limit_bytes", link.BytesPerSecond, link.Peer);
        foreach (var path in link.Paths ?? [])
        {
            page.Add("lifeboat_link_path_bytes_total", path.WireBytes, link.Peer, path.Path);
            page.Add("lifeboat_link_path_up", path.Up, link.Peer, path.Path);
            page.Add("lifeboat_link_path_wanted", path.Wanted, link.Peer, path.Path);
        }
    }

    public static string Name<T>(T value) where T : struct, Enum =>
        JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());
}
