// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Lifeboat.Testing.Oracle;

/// <summary>
/// Checks the file system of a private copy as a machine does after a power cut, and takes the oracle's file out of it:
/// the kernel replays the journal or log at a mount and finishes what it left open (orphans); then e2fsck -fn or
/// xfs_repair -n finds nothing. Not e2fsck -p: 1.47.0 frees an extent block twice while it truncates an orphan and so
/// damages a sound file system (e2fsprogs issue 108).
/// </summary>
/// <param name="Problem">Null when it is clean.</param>
/// <param name="OracleFile">What the writer wrote; null when it cannot be reached.</param>
internal sealed record FileSystemCheck(string? Problem, string? OracleFile)
{
    private const string OracleName = "oracle.log";

    public static async Task<OracleFileSystem> DetectAsync(string image, CancellationToken ct)
    {
        var block = new byte[2048];
        await using var file = new FileStream(image, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        await file.ReadAtLeastAsync(block, block.Length, throwOnEndOfStream: false, ct);
        if (block.AsSpan().StartsWith("XFSB"u8)) return OracleFileSystem.Xfs;
        return BinaryPrimitives.ReadUInt16LittleEndian(block.AsSpan(1080)) == 0xef53
            ? OracleFileSystem.Ext4 : OracleFileSystem.Raw;
    }

    /// <param name="copy">Is changed.</param>
    /// <param name="directory">For the oracle's file and a mount point.</param>
    public static Task<FileSystemCheck> RunAsync(
        OracleFileSystem kind, string copy, string directory, CancellationToken ct) => kind switch
        {
            OracleFileSystem.Ext4 => Ext4Async(copy, directory, ct),
            OracleFileSystem.Xfs => XfsAsync(copy, directory, ct),
            OracleFileSystem.Raw => Task.FromResult(new FileSystemCheck(null, copy)),
        };

    private static async Task<FileSystemCheck> Ext4Async(string copy, string directory, CancellationToken ct)
    {
        var (problem, file) = await ReplayAsync("ext4", "loop", copy, directory, ct);
        if (problem is not null) return new FileSystemCheck(problem, file);
        // An emulated guest's clock may run ahead of ours; a mount "in the future" says nothing about the disk.
        var settings = Path.Combine(directory, "e2fsck.conf");
        await File.WriteAllTextAsync(settings, "[options]\nbroken_system_clock = 1\n", ct);
        // That an extent tree could be narrower is an offer, not a fault.
        var check = await HostCommand.RunAsync(
            "env", [$"E2FSCK_CONFIG={settings}", "e2fsck", "-f", "-E", "no_optimize_extents", "-n", copy], ct);
        // "with errors": the kernel met one at the mount and noted it.
        var clean = check.ExitCode == 0 && !check.AllText.Contains("with errors", StringComparison.Ordinal);
        return new FileSystemCheck(
            clean ? null : $"e2fsck -fn ended with {check.ExitCode}: {LastLines(check)}", file);
    }

    private static async Task<FileSystemCheck> XfsAsync(string copy, string directory, CancellationToken ct)
    {
        // Two copies of one file system may be looked at at the same time: nouuid.
        var (problem, file) = await ReplayAsync("xfs", "loop,nouuid", copy, directory, ct);
        if (problem is not null) return new FileSystemCheck(problem, file);
        var check = await HostCommand.RunAsync("xfs_repair", ["-n", copy], ct);
        return new FileSystemCheck(
            check.ExitCode == 0 ? null : $"xfs_repair -n ended with {check.ExitCode}: {LastLines(check)}", file);
    }

    private static async Task<(string? Problem, string? OracleFile)> ReplayAsync(
        string type, string options, string copy, string directory, CancellationToken ct)
    {
        var mount = Directory.CreateDirectory(Path.Combine(directory, "mount")).FullName;
        var replay = await HostCommand.RunAsync("mount", ["-t", type, "-o", options, copy, mount], ct);
        if (replay.ExitCode != 0) return ($"mount for log replay: {replay.AllText.Trim()}", null);
        var file = Path.Combine(directory, OracleName);
        try
        {
            var source = Path.Combine(mount, OracleName);
            if (File.Exists(source)) await HostCommand.MustAsync("cp", ["--sparse=always", source, file], ct);
        }
        finally
        {
            await HostCommand.MustAsync("umount", [mount], CancellationToken.None);
        }
        return (null, File.Exists(file) ? file : null);
    }

    private static string LastLines(HostCommand run) =>
        string.Join("; ", run.AllText.Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(3));
}
