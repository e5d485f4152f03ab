// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Torture;

internal enum Scenario
{
    /// <summary>Storms of everything, and calms in which it must get well.</summary>
    Storm,
    /// <summary>The line alone: cut, capped, flapping, restored; every point afterwards is proved.</summary>
    Link,
    /// <summary>A little of both, for ./test.</summary>
    Smoke,
    /// <summary>Controllers alone, killed in the middle of runs.</summary>
    Controllers,
    /// <summary>No fault at all: sites of another release are taken over by this one.</summary>
    Upgrade,
}

/// <param name="Directory">Sites, guest, witness, proofs and the log live here. Short: it holds sockets.</param>
/// <param name="Duration">No new storm begins after it.</param>
/// <param name="Seed">Decides every strike and every choice of a point; not what the machine makes of it.</param>
/// <param name="Kills">Of controllers, in the scenario that is about them.</param>
/// <param name="KeepGoing">A failed proof does not end the run.</param>
/// <param name="Release">The `lifeboat.dll` of the release that is upgraded from.</param>
/// <param name="Postgres">In the scenario upgrade: site b's database is one of PostgreSQL.</param>
internal sealed record TortureOptions(
    string Directory, TimeSpan Duration, ulong Seed, Scenario Scenario, bool KeepGoing, int Kills,
    string? Release, bool Postgres)
{
    public const string Group = "shop";
    public const string Guest = "db1";
    /// <summary>Every fault is over: replication must be whole again within this.</summary>
    public static readonly TimeSpan HealLimit = TimeSpan.FromMinutes(3);
    public static readonly TimeSpan Retention = TimeSpan.FromMinutes(3);
    public const long ReplicaDiskBytes = 1536L << 20;
    public const long OutboxDiskBytes = 640L << 20;
    public const int OutboxMiB = 16;

    /// <summary>
    /// Of ours, the machine's part taken off. The smoke runs beside other suites and looks for a hang.
    /// </summary>
    public TimeSpan StallLimit => TimeSpan.FromSeconds(Short ? 3 : 1);
    public bool Short => Scenario == Scenario.Smoke;

    public IReadOnlyList<(long SizeBytes, OracleFileSystem FileSystem)> Disks => Short
        ? [(48L << 20, OracleFileSystem.Ext4), (24L << 20, OracleFileSystem.Raw)]
        : [(64L << 20, OracleFileSystem.Ext4), (32L << 20, OracleFileSystem.Raw), (304L << 20, OracleFileSystem.Xfs)];

    public OracleWorkload Workload => OracleWorkload.Default with
    {
        LoadWriters = Short ? 1 : 3,
        LoadKind = OracleLoadKind.Mix,
        LoadPause = TimeSpan.FromMilliseconds(20),
        LoadMiB = 8,
        Pause = TimeSpan.FromMilliseconds(2),
        HostName = Guest,
    };
}
