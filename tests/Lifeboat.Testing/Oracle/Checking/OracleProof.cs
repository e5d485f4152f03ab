// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

public enum OracleProperty
{
    /// <summary>The file system needs no repair beyond the replay of its journal.</summary>
    FileSystem = 1,
    /// <summary>What a disk holds is an unbroken run of whole records that ends with its newest.</summary>
    Prefix = 2,
    /// <summary>All disks together hold an unbroken run of numbers: they stopped at one moment.</summary>
    OneCut = 3,
    /// <summary>Every boot went on where the one before had ended.</summary>
    Generations = 4,
    /// <summary>No more acknowledged records are missing than allowed.</summary>
    Loss = 5,
    /// <summary>Nothing is there that was written after the cut.</summary>
    NothingAfter = 6,
    /// <summary>The newest record is the mark of a freeze.</summary>
    EndsWithMark = 7,
}

/// <param name="Text">One line for people.</param>
/// <param name="Disk">Index of the disk, when it is about one.</param>
public sealed record OracleFinding(OracleProperty Property, bool Holds, string Text, int? Disk = null);

/// <summary>What became of one boot of the guest, against what the witness had heard of it.</summary>
/// <param name="NewestOnDisk">Its newest record on the disks; if none, the record before its first.</param>
/// <param name="NewestAcked">What the witness had heard before the cut.</param>
/// <param name="Lost">Acknowledged and not on the disks.</param>
/// <param name="LostTime">From the acknowledgement of the newest on disk to that of the newest of all.</param>
public sealed record OracleRunProof(
    string Run, long Generation, long NewestOnDisk, long NewestAcked, long Lost, TimeSpan LostTime);

/// <summary>The verdict about one set of recovered disks.</summary>
/// <param name="Oldest">Oldest record that is still on all disks' rings; 1 when none has wrapped.</param>
/// <param name="Newest">N of the cut; 0 when there are no records.</param>
/// <param name="Runs">Boots the witness knows, oldest first; empty without a witness.</param>
public sealed record OracleProof(
    IReadOnlyList<OracleFinding> Findings, string Set, long Oldest, long Newest, bool EndsWithMark,
    IReadOnlyList<OracleRunProof> Runs)
{
    public bool Holds => Findings.All(f => f.Holds);
    /// <summary>The run that the cut interrupted: the one that had reported last.</summary>
    public OracleRunProof? Interrupted => Runs.Count == 0 ? null : Runs[^1];
    /// <summary>The real RPO, in records, of the interrupted run.</summary>
    public long Lost => Interrupted?.Lost ?? 0;
    /// <summary>The real RPO in time.</summary>
    public TimeSpan LostTime => Interrupted?.LostTime ?? TimeSpan.Zero;

    public IEnumerable<string> Lines() => Findings.Select(f => $"{(f.Holds ? "ok  " : "FAIL")} {f.Property}: {f.Text}");
}
