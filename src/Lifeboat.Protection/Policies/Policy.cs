// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;
using Lifeboat.Protection.Links;

namespace Lifeboat.Protection.Policies;

/// <summary>What a group asks for. Defaults protect a small database VM well.</summary>
public sealed record Policy
{
    public static readonly Policy Default = new();
    private static readonly TimeSpan BackupPeriodLeast = TimeSpan.FromMinutes(1);
    // A point takes its volumes' writers a moment, and the storage some seconds.
    private static readonly TimeSpan MirrorPeriodLeast = TimeSpan.FromSeconds(15);

    public TimeSpan RpoTarget { get; init; } = TimeSpan.FromSeconds(15);
    public TimeSpan RtoTarget { get; init; } = TimeSpan.FromMinutes(15);
    /// <summary>Crash-consistent points are cut this often.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromSeconds(2);
    /// <summary>How the source learns what changed.</summary>
    public ChangeSource Source { get; init; } = ChangeSource.Continuous;
    /// <summary>A cloud or its storage moves the data, and no agent: only groups of volumes can be so.</summary>
    [JsonIgnore]
    public bool IsMovedByCloud => Source is ChangeSource.Backup or ChangeSource.PoolMirror;
    /// <summary>From one moment to the next where writes are not captured: what was written since may be lost.
    /// </summary>
    public TimeSpan SourcePeriod { get; init; } = TimeSpan.FromMinutes(1);
    /// <summary>When moments are taken where writes are not captured.</summary>
    public MomentTrigger SourceTrigger { get; init; } = MomentTrigger.Periodic;
    /// <summary>Application-consistent points; null: only on request.</summary>
    public TimeSpan? QuiesceInterval { get; init; }
    /// <summary>A point shared by all groups of the application is cut this often; null: only on request. The shortest
    /// of its groups counts.</summary>
    public TimeSpan? SharedInterval { get; init; }
    /// <summary>The guest is thawed after this long whatever happens.</summary>
    public TimeSpan QuiesceLimit { get; init; } = TimeSpan.FromSeconds(10);
    public QuiesceFailure OnQuiesceFailure { get; init; } = QuiesceFailure.Degrade;
    /// <summary>Label of the points that are quiesced every <see cref="QuiesceInterval"/>; null: none.</summary>
    public string? QuiesceLabel { get; init; }
    /// <summary>How each instance is brought to rest; those without a rule by their guest agents.</summary>
    public QuiesceRules Quiesce { get; init; } = QuiesceRules.None;
    /// <summary>Points kept at the recovery site. The newest is kept however old it is.</summary>
    public Retention Retention { get; init; } = Retention.All(TimeSpan.FromHours(4));
    /// <summary>Memory at the source for writes not yet durable at the recovery site, in bytes.</summary>
    public long OutboxBytes { get; init; } = 128L << 20;
    /// <summary>
    /// Disk at the source for writes that do not fit that memory (a long outage, a suspended group), in bytes; 0: none.
    /// </summary>
    public long OutboxLogBytes { get; init; } = 4L << 30;
    /// <summary>Ship rate cap, bytes per second; null: none.</summary>
    public long? ShipBytesPerSecond { get; init; }
    /// <summary>
    /// Caps at some hours, as <see cref="RateWindow"/> is written, with `;` between them; the first that holds counts.
    /// </summary>
    public string ShipWindows { get; init; } = "";
    /// <summary>On whose wall clock they are: an IANA name.</summary>
    public string ShipTimeZone { get; init; } = "UTC";
    /// <summary>Drills at the recovery site, as <see cref="Calendar"/> is written; null: only on request.</summary>
    public string? DrillCalendar { get; init; }
    /// <summary>On whose wall clock that is: an IANA name; null: UTC.</summary>
    public string? DrillTimeZone { get; init; }
    /// <summary>How it fares beside other groups on a capped link.</summary>
    public LinkPriority Priority { get; init; }

    /// <summary>What the age of the newest point is held against; null: nothing, for nobody knows when the next moment
    /// is taken.</summary>
    public TimeSpan? PromisedRpo() =>
        Source == ChangeSource.Continuous || SourceTrigger == MomentTrigger.Periodic ? RpoTarget : null;

    /// <summary>When drills are due; null: only on request.</summary>
    public Calendar? Drills() => DrillCalendar is null ? null : Calendar.Parse(DrillCalendar, DrillTimeZone).Calendar;

    /// <summary>The ship rate cap over the week.</summary>
    public RateCalendar ShipCalendar() => ReadShipCalendar([]);

    /// <summary>
    /// A source and a replica can go from the other policy to this one as they run: nothing that their streams were
    /// made with differs.
    /// </summary>
    public bool CanFollow(Policy other) =>
        OutboxBytes == other.OutboxBytes && OutboxLogBytes == other.OutboxLogBytes && Source == other.Source;

    public IEnumerable<string> Problems()
    {
        if (RpoTarget <= TimeSpan.Zero) yield return "policy.rpoTarget must be positive";
        if (RtoTarget <= TimeSpan.Zero) yield return "policy.rtoTarget must be positive";
        if (CheckpointInterval < TimeSpan.FromMilliseconds(100))
            yield return $"policy.checkpointInterval is {CheckpointInterval}; the least is 0.1 s";
        if (QuiesceInterval is { } q && q < TimeSpan.FromSeconds(5))
            yield return $"policy.quiesceInterval is {q}; the least is 5 s";
        if (SharedInterval is { } shared && shared < TimeSpan.FromSeconds(1))
            yield return $"policy.sharedInterval is {shared}; the least is 1 s";
        if (QuiesceLimit < TimeSpan.FromSeconds(1) || QuiesceLimit > TimeSpan.FromMinutes(1))
            yield return $"policy.quiesceLimit is {QuiesceLimit}; allowed is 1 s to 1 min";
        if (QuiesceLabel is { Length: 0 or > 200 }) yield return "policy.quiesceLabel has 1 to 200 characters";
        foreach (var problem in Quiesce.Problems()) yield return problem;
        foreach (var problem in Retention.Problems()) yield return problem;
        foreach (var problem in SourceProblems()) yield return problem;
        if (OutboxBytes is < 4 << 20 or > 64L << 30)
            yield return $"policy.outboxBytes is {OutboxBytes}; allowed is 4 MiB to 64 GiB";
        if (ShipBytesPerSecond is < DataRate.Least) yield return "policy.shipBytesPerSecond: the least is 64 KiB/s";
        var problems = new List<string>();
        ReadShipCalendar(problems);
        foreach (var problem in problems) yield return $"policy.ship: {problem}";
        if (DrillCalendar is { } drills)
            foreach (var problem in Calendar.Parse(drills, DrillTimeZone).Problems)
                yield return $"policy.drillCalendar: {problem}";
        if (!Enum.IsDefined(Priority)) yield return $"policy.priority {(int)Priority} is not known";
        if (OutboxLogBytes is not 0 and (< 4 << 20 or > 4L << 40))
            yield return $"policy.outboxLogBytes is {OutboxLogBytes}; allowed is 0 (none) or 4 MiB to 4 TiB";
    }

    private IEnumerable<string> SourceProblems()
    {
        if (!Enum.IsDefined(Source)) yield return $"policy.source {(int)Source} is not known";
        if (SourcePeriod < TimeSpan.FromSeconds(1) || SourcePeriod > TimeSpan.FromDays(31))
            yield return $"policy.sourcePeriod is {SourcePeriod}; allowed is 1 s to 31 days";
        if (Source == ChangeSource.Backup && SourcePeriod < BackupPeriodLeast)
            yield return $"policy.sourcePeriod is {SourcePeriod}; the least of a group that is moved by backups is "
                + $"{BackupPeriodLeast}";
        if (!Enum.IsDefined(SourceTrigger)) yield return $"policy.sourceTrigger {(int)SourceTrigger} is not known";
        if (SourceTrigger != MomentTrigger.Periodic && Source is not (ChangeSource.Bitmap or
            ChangeSource.SnapshotDiff))
            yield return "policy.sourceTrigger is for groups that are read in moments: source bitmap or snapshot-diff";
        if (Source == ChangeSource.PoolMirror && SourcePeriod < MirrorPeriodLeast)
            yield return $"policy.sourcePeriod is {SourcePeriod}; the least of a group that a pool's mirror moves is "
                + $"{MirrorPeriodLeast}";
        if (Source == ChangeSource.Continuous) yield break;
        if (PromisedRpo() is not null && RpoTarget < SourcePeriod)
            yield return $"policy.rpoTarget is {RpoTarget}, shorter than policy.sourcePeriod of {SourcePeriod}: "
                + "it could never be met";
        if (SharedInterval is not null)
            yield return "policy.sharedInterval: points are shared only by groups whose source is continuous";
    }

    private RateCalendar ReadShipCalendar(ICollection<string> problems) =>
        RateCalendar.Read(ShipBytesPerSecond, WindowsOf(ShipWindows), ShipTimeZone, problems);

    /// <summary>The single windows of <see cref="ShipWindows"/>.</summary>
    public static IReadOnlyList<string> WindowsOf(string text) =>
        text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}

/// <summary>What to do when a quiesce fails. Numbers are stored and never change.</summary>
public enum QuiesceFailure
{
    /// <summary>No point is made.</summary>
    Strict = 1,
    /// <summary>A crash-consistent point is made and the failure is recorded on it.</summary>
    Degrade = 2,
}
