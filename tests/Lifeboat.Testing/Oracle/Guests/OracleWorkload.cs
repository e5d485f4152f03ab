// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Testing.Oracle;

public enum OracleLoadKind { Rand, Seq, Db, Mix }

/// <summary>What the guest does; becomes its kernel command line (kit/guest/README.md).</summary>
public sealed record OracleWorkload
{
    public static readonly OracleWorkload Default = new();

    public bool Writer { get; init; } = true;
    /// <summary>Bytes, a multiple of 512 up to 1 MiB.</summary>
    public int RecordBytes { get; init; } = 512;
    /// <summary>Rest between two records.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.Zero;
    /// <summary>Records a disk holds before its ring wraps; 0: what fits in half the disk, at most 131072.</summary>
    public int Slots { get; init; }
    /// <summary>False: records go round the disks in turn instead of pseudo-randomly.</summary>
    public bool Seeded { get; init; } = true;
    /// <summary>False: files are allocated at the start instead of growing.</summary>
    public bool Growing { get; init; } = true;
    /// <summary>Background writers, spread over the disks in turn.</summary>
    public int LoadWriters { get; init; }
    public OracleLoadKind LoadKind { get; init; } = OracleLoadKind.Rand;
    public TimeSpan LoadPause { get; init; } = TimeSpan.FromMilliseconds(2);
    /// <summary>Room that one background writer rewrites, in MiB.</summary>
    public int LoadMiB { get; init; } = 16;
    public string HostName { get; init; } = "oracle";

    public IEnumerable<string> Problems()
    {
        if (RecordBytes is < 512 or > 1 << 20 || RecordBytes % 512 != 0)
            yield return $"a record of {RecordBytes} bytes is not a multiple of 512 up to 1 MiB";
        if (Slots is < 0 or > 131072) yield return $"{Slots} slots are not between 0 and 131072";
        if (LoadWriters is < 0 or > 64) yield return $"{LoadWriters} background writers are not between 0 and 64";
        if (LoadMiB is < 1 or > 4096) yield return $"{LoadMiB} MiB of background load are not between 1 and 4096";
        if (Pause < TimeSpan.Zero || LoadPause < TimeSpan.Zero) yield return "a pause cannot be negative";
    }

    /// <param name="diskCount">The guest waits for so many disks and finds out by itself what is on them.</param>
    public string CommandLine(int diskCount)
    {
        string[] words =
        [
            "console=ttyS0 quiet panic=-1 net.ifnames=0 mitigations=off nokaslr no_timer_check",
            // An emulated TSC is calibrated wrongly on a busy host; the stall meter wants a clock that keeps time.
            "tsc=unstable clocksource=hpet random.trust_cpu=on cryptomgr.notests audit=0",
            $"oracle.disks={diskCount}",
            $"oracle.writer={(Writer ? "on" : "off")}",
            $"oracle.record={RecordBytes}",
            $"oracle.pause={Microseconds(Pause)}",
            $"oracle.slots={Slots}",
            $"oracle.spread={(Seeded ? "seeded" : "robin")}",
            $"oracle.grow={(Growing ? "on" : "off")}",
            $"oracle.load={LoadWriters}",
            $"oracle.loadkind={LoadKind.ToString().ToLowerInvariant()}",
            $"oracle.loadpause={Microseconds(LoadPause)}",
            $"oracle.loadsize={LoadMiB}",
            $"oracle.host={HostName}",
        ];
        return string.Join(' ', words);
    }

    private static string Microseconds(TimeSpan time) =>
        ((long)time.TotalMicroseconds).ToString(CultureInfo.InvariantCulture);
}
