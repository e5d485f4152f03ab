// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Cli;

/// <summary>How a group reads: state and reason first, then how far behind, then what can be recovered.</summary>
internal static class GroupTable
{
    public static void Write(CommandOutput output, GroupInfo group, TimeProvider time)
    {
        var source = group.Source;
        output.WriteFacts(group,
        [
            ("group", group.Definition.Name),
            ("state", $"{State(group)} since {Show.Time(group.Since)}"),
            ("detail", group.Detail),
            ("primary site", group.Definition.PrimarySite + (group.Host is { } host ? $", host {host}" : "")),
            ("recovery site", group.Definition.RecoverySite),
            ("epoch", group.Definition.Epoch.ToString()),
            ("instances", string.Join(", ", group.Definition.Members.Select(m => m.Instance))),
            ("volumes", source is null ? null : string.Join("; ", source.Volumes.Select(Volume))),
            ("unprotected", Unprotected(group.Source?.Unprotected ?? [], group.Definition.Name,
                group.Definition.PrimarySite)),
            ("left behind", Former(group)),
            ("phase", source is null ? null : Phase(source)),
            ("forecast", source?.Forecast is { } f ? Forecast(f, source.Reason) : null),
            ("source", Source(group.Definition.Policy)),
            ("moments", source?.Moments is { } moments ? Moments(moments) : null),
            ("lag", source is null ? null : Show.Span(source.Lag)),
            ("link", source is null ? null : Link(source)),
            ("unsent writes", source?.Outbox is { } o ? Outbox(o) : null),
            ("last sync", source is null ? null : Sync(source)),
            ("last quiesce", source?.LastQuiesce is { } q ? Quiesce(q) : null),
            ("retention", group.Definition.Policy.Retention.ToString()),
            ("history", group.Replica is { } r ? $"{r.Points} points, journal {Show.Bytes(r.JournalBytes)}" : null),
            ("damage", Damage(group.Replica?.Damages ?? [])),
            ("last scrub", Scrub(group, time)),
            ("newest point", Newest(group, time)),
            ("failover would lose", group.Exposure is { } e ? $"at most {Show.Span(e)}" : null),
            ("standing volumes", group.Standing is { } standing ? Standing(standing, time) : null),
            ("divergence", group.Divergence?.Evidence),
            .. group.Conflicts.Select(c => ("contested", (string?)PolicyInputs.Contested(c))),
            .. group.Faults.Select(f => ("does not go together", (string?)f)),
            ("drills", group.Drills is { } d ? Drills(d) : null), ("run under way", group.ActiveRun?.ToString()),
        ]);
    }

    /// <summary>When the next one is due, and what became of the last.</summary>
    public static string Drills(DrillStatus drills) =>
        (drills.Calendar is { } calendar ? $"{calendar} ({drills.TimeZone})" : "on request")
            + (drills.NextDue is { } next ? $"; next {Show.Time(next)}" : "")
            + (drills.LastDue is { Outcome: DueOutcome.Skipped } due
                ? $"; that of {Show.Time(due.Due)} was skipped ({Show.Name(due.Reason)})" : "")
            + (drills.Last is { } last ? $"; last {Show.Name(last.State)} {Show.Time(last.EndedAt)}, {last.Run}" : "");

    /// <summary>Which point each standing volume is at, and what keeps them from a newer one.</summary>
    public static string Standing(StandingStatus standing, TimeProvider time) =>
        string.Join("; ", standing.Volumes.Select(v => $"{v.Volume} "
            + (v.CutAt is { } at ? $"at {Show.Time(at)} ({Show.Span(time.GetUtcNow() - at)} ago)" : "at no point yet")
            + (v is { Moved: { } moved, ToMove: { } all } ? $", {Show.Bytes(moved)} of {Show.Bytes(all)} under way"
                : v.IsAtPoint ? "" : ", not whole")
            + (v.Snapshots > 0 ? $", {v.Snapshots} snapshots" : "")))
        + (standing.Reason is Protection.ReasonCode.None ? ""
            : $"; held up ({Show.Name(standing.Reason)}): {standing.Detail}");

    public static string State(GroupInfo group) => group.Reason == Protection.ReasonCode.None
        ? Show.Name(group.State) : $"{Show.Name(group.State)} ({Show.Name(group.Reason)})";

    public static string? Newest(GroupInfo group, TimeProvider time) => group.NewestPoint is { } p
        ? $"{Show.Time(p.CutAt)} ({Show.Span(time.GetUtcNow() - p.CutAt)} ago), {Show.Name(p.Consistency)}, {p.Id}"
        : null;

    /// <summary>What is not whole at the recovery site, with place and since when; null: nothing.</summary>
    public static string? Damage(IReadOnlyList<DamageStatus> damages) => damages.Count > 0
        ? string.Join("; ", damages.Take(4).Select(d => $"{d} found {Show.Time(d.FoundAt)}, "
            + (d.MendedAt is { } at ? $"points from {at} on are sound" : "waiting for the source")))
            + (damages.Count > 4 ? $"; and {damages.Count - 4} more" : "")
        : null;

    /// <summary>Disks of the group's instances that are not replicated, and what to do; null: there are none.</summary>
    public static string? Unprotected(IReadOnlyList<UnprotectedDisk> disks, string group, string primary) =>
        disks.Count > 0
        ? string.Join("; ", disks.Select(d => $"{d.Volume} {Show.Bytes(d.SizeBytes)}: {d.Advice(group, primary)}"))
        : null;

    private static string? Former(GroupInfo group) => group.Definition.Former is { Count: > 0 } former
        ? string.Join("; ", former.Select(f => $"{f.Volume.Name} {Show.Bytes(f.Volume.SizeBytes)}, given up in epoch "
            + $"{f.GivenUp} for a point that is older; its state stays at {f.Site}"))
        : null;

    private static string? Scrub(GroupInfo group, TimeProvider time) => group.Replica?.Scrub is not { } scrub ? null
        : (scrub.LastPassAt is { } at ? $"{Show.Time(at)} ({Show.Span(time.GetUtcNow() - at)} ago)" : "none yet")
            + (scrub.LastPassBytes > 0 ? $", {Show.Bytes(scrub.LastPassBytes)}" : "")
            + (scrub.PassBytes > 0 ? $"; under way, {Show.Bytes(scrub.PassBytes)} read" : "")
            + (scrub.Checksums < 1 ? $"; {scrub.Checksums:P0} of the base has checksums" : "")
            + (scrub.Found > 0 ? $"; {scrub.Found} damages found" : "")
            + (scrub.Problem is { } problem ? $"; held up: {problem}" : "");

    /// <summary>How the group's source learns what changed.</summary>
    public static string Source(Policy policy) => policy.Source == ChangeSource.Continuous
        ? Show.Name(policy.Source) : $"{Show.Name(policy.Source)} " + policy.SourceTrigger switch
        {
            MomentTrigger.Periodic => $"every {Span.Text(policy.SourcePeriod)}",
            MomentTrigger.OnRequest => "on request",
            MomentTrigger.OnShutdown => "on shutdown, and on request",
        };

    private static string Moments(MomentsStatus moments) =>
        (moments.Last is { } last ? $"last {Show.Time(last)}, {Show.Bytes(moments.LastBytes)}" : "none yet")
            + (moments.UnderWay is { } at ? $"; {Show.Time(at)} is being sent"
                : moments.Next is { } next ? $"; next {Show.Time(next)}" : "")
            + (moments.GivenUp > 0 ? $"; {moments.GivenUp} given up" : "")
            + (moments.Failure is { } failure ? $", the last because {failure}" : "");

    private static string Volume(VolumeStatus volume) => $"{volume.Name} {Show.Bytes(volume.SizeBytes)}, "
        + (volume.Captured ? "captured" : volume.Detail ?? "not captured");

    private static string Phase(SourceStatus source) =>
        source.Phase is SourcePhase.Streaming ? "streaming"
        : $"{Show.Name(source.Phase)} {source.ResyncProgress:P0} ({Show.Name(source.Reason)}) {source.Detail}";

    /// <summary>What a sync under way has done, of how much, at which pace, and how long it will take.</summary>
    public static string Forecast(SyncForecastStatus forecast, Protection.ReasonCode reason)
    {
        var of = forecast.ToMoveBytes is not { } bytes ? "what it finds"
            : forecast.Basis is ForecastBasis.Extrapolated ? $"about {Show.Bytes(bytes)}" : Show.Bytes(bytes);
        return Show.Name(forecast.Kind) + (reason is Protection.ReasonCode.None ? "" : $" ({Show.Name(reason)})")
            + $": {Show.Bytes(forecast.MovedBytes)} of {of} moved"
            + (forecast.ToCompareBytes == 0 ? "" : $", {Show.Bytes(forecast.ComparedBytes)} of "
                + $"{Show.Bytes(forecast.ToCompareBytes)} compared")
            + (forecast.BytesPerSecond is { } pace ? $", {Show.Bytes((long)pace)}/s" : "")
            + (forecast.Left is { } left ? $", about {Show.Span(left)} left" : ", time left not known yet");
    }

    private static string Quiesce(QuiesceReport report) => $"{Show.Time(report.At)}: " + (report.Reached is { } reached
        ? Show.Name(reached) : "no point") + (report.Reason is Protection.ReasonCode.None ? ""
        : $" ({Show.Name(report.Reason)}) {report.Detail}");

    private static string Link(SourceStatus source) => source.WireBytes == 0
        ? "nothing shipped yet"
        : $"{Show.Name(source.Packing)}: {Show.Bytes(source.ShippedBytes)} of records in "
            + $"{Show.Bytes(source.WireBytes)} on the wire, {(double)source.ShippedBytes / source.WireBytes:F2} to 1";

    private static string Outbox(OutboxStatus outbox) => $"{Rung(outbox)} since {Show.Time(outbox.Since)}: "
        + $"{Show.Bytes(outbox.MemoryBytes)} in memory, {Show.Bytes(outbox.LogBytes)} in the log";

    /// <summary>Where what the guests write is kept until it is sent.</summary>
    public static string Rung(OutboxStatus outbox) => outbox.Rung is OutboxRung.Memory
        ? "memory" : $"{Show.Name(outbox.Rung)} ({Show.Name(outbox.Reason)})";

    private static string Sync(SourceStatus source) => $"{Show.Name(source.LastResync)}: moved "
        + $"{Show.Bytes(source.ResyncMovedBytes)} of {Show.Bytes(source.ResyncExaminedBytes)} looked at"
        + (source.ResyncDigestBytes == 0 ? "" : $", {Show.Bytes(source.ResyncDigestBytes)} of digests");
}
