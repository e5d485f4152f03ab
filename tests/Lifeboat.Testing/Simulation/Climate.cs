// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;
using Lifeboat.Protection.Policies;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Replication.Linking;

namespace Lifeboat.Testing.Simulation;

/// <summary>What kind of world a seed gives: sizes, speeds, and how much goes wrong. No two seeds test the
/// same.</summary>
public sealed class Climate
{
    // Of sixteen. What each costs and what each finds: docs/decisions/0025.
    private static readonly int[] Hastes = [1, 2, 4, 4, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8];
    private const ulong HasteDice = 0x4A57E;
    // Of what came in lately: none of it is in memory, little, all. Where none is, what the disk has is what counts.
    private static readonly int[] Warmths = [0, 0, 0, 1, 3, 64];
    private const ulong WarmDice = 0x3A27;
    private const ulong RivalDice = 0x41FA1;
    private const ulong RefusalDice = 0x2EF05;
    private const int HasteMax = 8;
    private const int PaceMax = 4;
    private const int PointsEveryLeast = 200;
    private const int MomentsEveryLeast = 1000;
    private static readonly string[] Ways = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];

    public Climate(Prng prng, SimulationOptions options)
    {
        int[] disks = [.. Enumerable.Range(0, prng.Next(1, 4)).Select(_ => 64 << prng.Next(3))];
        DiskSectors = [.. disks.Take(options.VolumesMax)];
        // Dice of its own: all else about a seed is the same at every haste.
        Haste = HasteOf(options);
        WarmRooms = WarmRoomsOf(options);
        Pace = Math.Min(Haste, PaceMax);
        EndsEarly = Haste > PaceMax && new Prng(options.Seed ^ ~HasteDice).Chance(0.5);
        CheckpointInterval = TimeSpan.FromMilliseconds(Math.Max(PointsEveryLeast, prng.Next(300, 2000) / Pace));
        var window = TimeSpan.FromSeconds(prng.Next(10, 30));
        // Every other world thins its points out as they age.
        Retention = Thinned(window, 1);
        Kept = Thinned(window, Pace);
        OutboxBytes = 4 << 20;
        HasLog = prng.Chance(0.75);
        OutboxLogBytes = prng.Pick<long>([4 << 20, 6 << 20, 64 << 20]);
        LogAboveBytes = prng.Pick<long>([0, 300_000, 1 << 20, 2 << 20]);
        SlowLog = TimeSpan.FromMilliseconds(prng.Pick<int>([0, 0, 2, 20]));
        Latency = TimeSpan.FromMilliseconds(prng.Pick<int>([0, 1, 5, 40]));
        Guest = new GuestOptions(prng.Next(1, 5), prng.Pick<int>([50_000, 200_000, 600_000]), prng.Next(3) * 0.1,
            prng.Pick<int>([2, 8, 32]));
        // A link that the guest outruns for ever protects nothing; a burst may outrun it.
        BytesPerSecond = Math.Max(prng.Pick<long>([300_000, 2_000_000, 50_000_000]), 4 * Guest.BytesPerSecond);
        // The same for a recovery site whose disk the guest outruns, while it also compares or folds.
        SlowDisk = TimeSpan.FromMilliseconds(prng.Pick<int>(
            Guest.BytesPerSecond > 400_000 ? [0, 2] : Guest.BytesPerSecond > 150_000 ? [0, 2, 5] : [0, 2, 5, 15]));
        FaultEvery = TimeSpan.FromMilliseconds(prng.Pick<int>([700, 2000, 6000])) / Pace;
        // A seed leaves out some kinds of fault, so that others can go on for long in peace.
        var allowed = Enum.GetValues<Fault>().Except([Fault.HalfOpen])
            .Where(f => !IsRare(f) && prng.Chance(0.6)).ToList();
        var compression = prng.Pick<CompressionMode>(
            [CompressionMode.Auto, CompressionMode.Auto, CompressionMode.None, CompressionMode.Lz4]);
        // One in four: one of the sites is of the release before.
        LinkVersion = prng.Chance(0.25) ? ILinkConnection.VersionOldest : ILinkConnection.VersionNewest;
        Accepts = prng.Pick<FrameAbilities>([FrameAbilities.All, FrameAbilities.Lz4, FrameAbilities.None]);
        // A cap is a link that the guest must not outrun for ever either.
        var cap = DataRate.Text(Math.Max(4 * Guest.BytesPerSecond, prng.Pick<long>([300_000, 2_000_000])));
        Link = new LinkSettings
        {
            Compression = compression,
            Cap = prng.Chance(0.3) ? cap : null,
            // The simulated year begins on a Thursday at midnight: within it a window opens or closes.
            Windows = prng.Chance(0.2) ? [$"daily 00:0{prng.Next(1, 5)}-12:00 {cap}"] : [],
        };
        // Drawn last: a kind of fault more leaves everything else about a seed as it was.
        if (prng.Chance(0.6)) allowed.Add(Fault.HalfOpen);
        if (prng.Chance(0.25)) Link = Link with { Paths = Ways[..prng.Next(2, 4)] };
        Allowed = allowed;
        // A peer of the release before cannot be told of a size.
        Grows = prng.Chance(0.3) && LinkVersion == ILinkConnection.VersionNewest;
        Unplugs = prng.Chance(0.2);
        // What is rarer in life is rarer here, so that it does not crowd out the rest.
        foreach (var rare in Enum.GetValues<Fault>().Where(f => IsRare(f) && f < Fault.CutOverDeadMirror))
            if (prng.Chance(0.2)) allowed.Add(rare);
        // What is lost to decay is asked for, which the release before does not understand.
        var decays = options is { Decay: true, CrashStates: 0 };
        if (LinkVersion != ILinkConnection.VersionNewest || !decays) allowed.RemoveAll(IsDecay);
        Scrubs = allowed.Exists(IsDecay);
        // Few of their strikes meet a replica that may be struck again.
        if (Scrubs) allowed.AddRange([.. allowed.Where(IsDecay), .. allowed.Where(IsDecay)]);
        Quiesces = prng.Chance(0.2);
        SharesCuts = prng.Chance(0.06);
        if (prng.Chance(0.15))
            Moments = TimeSpan.FromMilliseconds(Math.Max(MomentsEveryLeast, prng.Next(1000, 4000) / Pace));
        BySnapshots = Moments is not null && prng.Chance(0.4);
        if (prng.Chance(0.2) && HasLog && Moments is null) allowed.Add(Fault.CutOverDeadMirror);
        AddSinceThen(allowed, options);
    }

    // Each of these kinds has dice of its own: a world without it is as it was before there was such a kind.
    private void AddSinceThen(List<Fault> allowed, SimulationOptions options)
    {
        // What is said over several paths is said again only as a whole.
        if (options.Knows(Fault.RivalSource) && Link.Paths.Count == 0
            && new Prng(options.Seed ^ RivalDice).Chance(0.15)) allowed.Add(Fault.RivalSource);
        if (options.Knows(Fault.RefusingMonitor) && Moments is null
            && new Prng(options.Seed ^ RefusalDice).Chance(0.15)) allowed.Add(Fault.RefusingMonitor);
    }

    internal static bool IsRare(Fault fault) => fault > Fault.LongOutage;
    internal static bool IsDecay(Fault fault) => fault is Fault.FlipBits or Fault.MisdirectWrite;

    private static Retention Thinned(TimeSpan window, int pace) => window.Seconds % 2 == 0
        ? window / pace
        : new Retention([new RetentionRule(PointClass.Any, null, Retention.Least / pace),
            new(PointClass.Any, window / 8 / pace, window / pace)]);

    internal static int WarmRoomsOf(SimulationOptions options) => options.WarmRooms switch
    {
        null => new Prng(options.Seed ^ WarmDice).Pick(Warmths),
        >= 0 => options.WarmRooms.Value,
        _ => throw new ArgumentException($"{options.WarmRooms} appends cannot be kept warm: 0 or more"),
    };

    internal static int HasteOf(SimulationOptions options) => options.Haste switch
    {
        null => new Prng(options.Seed ^ HasteDice).Pick(Hastes),
        >= 1 and <= HasteMax => options.Haste.Value,
        _ => throw new ArgumentException($"haste {options.Haste}: 1 to {HasteMax} it can be"),
    };

    public override string ToString() =>
        $"disks {string.Join('+', DiskSectors)} sectors, {Guest}, over {BytesPerSecond} B/s at {Latency}, "
        + $"link {LinkVersion} packs {Link.Compression} of {Accepts}, cap {Link.Cap} {string.Join(' ', Link.Windows)}, "
        + $"disk {SlowDisk}, points every {CheckpointInterval} kept {Retention}, "
        + (HasLog ? $"log of {OutboxLogBytes} above {LogAboveBytes} at {SlowLog}, " : "no log, ")
        + (Quiesces ? "points are quiesced, " : "") + (SharesCuts ? "two groups share cuts, " : "")
        + (Moments is { } period ? $"in moments every {period}{(BySnapshots ? " by snapshots" : "")}, " : "")
        + (Grows ? "disks grow, " : "") + (Unplugs ? "disks come and go, " : "")
        + $"{WarmRooms} appends warm, "
        + (Haste > 1 ? $"haste {Haste}, " : "")
        + $"a fault every {FaultEvery} of "
        + string.Join(' ', Allowed);

    /// <summary>So many times shorter are the storms: 1 to 8.</summary>
    public int Haste { get; }
    /// <summary>
    /// So many times shorter are the pauses between faults, how long a fault lasts, retention, the interval of points
    /// and the pauses of operators: 1 to 4. What the engine waits for stays as it is, and so do the guests.
    /// </summary>
    public int Pace { get; }
    /// <summary>The story is over behind the first storm.</summary>
    public bool EndsEarly { get; }
    public IReadOnlyList<int> DiskSectors { get; }
    public TimeSpan CheckpointInterval { get; }
    public Retention Retention { get; }
    /// <summary>What replicas keep: the policy's, hastened below what a policy may say.</summary>
    public Retention Kept { get; }
    public long OutboxBytes { get; }
    public bool HasLog { get; }
    public long OutboxLogBytes { get; }
    public long LogAboveBytes { get; }
    public TimeSpan SlowLog { get; }
    public TimeSpan Latency { get; }
    public long BytesPerSecond { get; }
    public GuestOptions Guest { get; }
    public TimeSpan SlowDisk { get; }
    public TimeSpan FaultEvery { get; }
    public IReadOnlyList<Fault> Allowed { get; }
    public LinkSettings Link { get; }
    /// <summary>Somebody makes disks longer now and then.</summary>
    public bool Grows { get; }
    /// <summary>Somebody takes disks out of the running instance and puts them in again.</summary>
    public bool Unplugs { get; }
    /// <summary>Replicas are scrubbed all the time, because media decay.</summary>
    public bool Scrubs { get; }
    /// <summary>The guest is frozen for a point now and then.</summary>
    public bool Quiesces { get; }
    /// <summary>
    /// The application has a second group, at agents of its own at both sites, and points that both groups share.
    /// </summary>
    public bool SharesCuts { get; }
    /// <summary>Writes are not captured; a moment is read this often. Null: they are.</summary>
    public TimeSpan? Moments { get; }
    /// <summary>Moments are snapshots of the storage that the disks are in; else QEMU's.</summary>
    public bool BySnapshots { get; }
    public FrameAbilities Accepts { get; }
    public int LinkVersion { get; }
    /// <summary>Long appends that an agent keeps in memory at most; what follows closely reads the others, as all that
    /// is
    /// short, from the disk.</summary>
    public int WarmRooms { get; }
}

/// <summary>What can go wrong.</summary>
public enum Fault
{
    KillSourceAgent,
    KillReplicaAgent,
    KillBothAgents,
    HangAgent,
    CrashReplicaHost,
    CrashSourceHost,
    RestartInstance,
    BreakConnections,
    Partition,
    FillReplicaDisk,
    EndMirror,
    BurstOfWrites,
    KillController,
    JumpClock,
    StaleSession,
    RestoreReplica,
    HalfOpen,
    Suspend,
    FillLogDisk,
    BreakLogDisk,
    SlowLogDisk,
    LongOutage,
    // From here on rare ones.
    /// <summary>Bits turn over on the replica's medium.</summary>
    FlipBits,
    /// <summary>A drive puts a write elsewhere in its file, and says that all is well.</summary>
    MisdirectWrite,
    /// <summary>A drive's cache says that it flushed; then power is lost.</summary>
    LyingFlush,
    SlowReplicaDisk,
    /// <summary>One direction of the link is dead, the other works.</summary>
    OneWay,
    FlappingLink,
    /// <summary>QEMU answers its monitor late, and captures all the same.</summary>
    SlowMonitor,
    /// <summary>What the source's agent keeps on disk is put back as a backup had it.</summary>
    RestoreSource,
    /// <summary>An agent that was thought dead says the rest while its successor begins.</summary>
    SecondSource,
    /// <summary>A mirror dies right before a point is cut, while the log takes all and the monitor answers
    /// late.</summary>
    CutOverDeadMirror,
    /// <summary>An agent whose link died, and then it, is heard again in the place of its successor.</summary>
    RivalSource,
    /// <summary>QEMU's monitor refuses what it is asked for a while: somebody else is at work on the disks.</summary>
    RefusingMonitor,
}
