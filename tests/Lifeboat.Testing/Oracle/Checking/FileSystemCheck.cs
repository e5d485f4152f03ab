// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Lifeboat.Testing.Oracle;

/// <summary>
/// Checks the file system of a private copy as its own tools do after a power cut, and takes the oracle's file out of
/// it. ext4: e2fsck -fp may replay the journal and finish what the journal left open (orphans), nothing else; then
/// e2fsck -fn finds nothing. XFS: the kernel replays the log at mount; then xfs_repair -n finds nothing.
/// </summary>
/// <param name="Problem">Null when it is clean.</param>
/// <param name="OracleFile">What the writer wrote; null when it cannot be reached.</param>
internal sealed record FileSystemCheck(string? Problem, string? OracleFile)
{
    private const string OracleName = "oracle.log";

    // Not repairs: the state that e2fsck -p prints, and the end of what the journal has begun.
    private static readonly string[] Harmless =
    [
        "recovering journal", "clean,", " files (", "learing orphaned inode", "runcating orphaned inode", "orphan file",
    ];

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
        var problem = await Ext4ProblemAsync(copy, directory, ct);
        var file = Path.Combine(directory, OracleName);
        // Also from a damaged file system, as far as it goes: the records tell what else is wrong.
        await HostCommand.RunAsync("debugfs", ["-R", $"dump {OracleName} {file}", copy], ct);
        return new FileSystemCheck(problem, File.Exists(file) ? file : null);
    }

    private static async Task<string?> Ext4ProblemAsync(string copy, string directory, CancellationToken ct)
    {
        // An emulated guest's clock may run ahead of ours; a mount "in the future" says nothing about the disk.
        var settings = Path.Combine(directory, "e2fsck.conf");
        await File.WriteAllTextAsync(settings, "[options]\nbroken_system_clock = 1\n", ct);
        // That an extent tree could be narrower is an offer, not a fault.
        string[] common = [$"E2FSCK_CONFIG={settings}", "e2fsck", "-f", "-E", "no_optimize_extents"];
        var replay = await HostCommand.RunAsync("env", [.. common, "-p", copy], ct);
        var repairs = replay.AllText.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !Harmless.Any(line.Contains)).ToArray();
        if (replay.ExitCode > 1 || repairs.Length > 0)
            return $"e2fsck -fp ended with {replay.ExitCode}: {string.Join("; ", repairs.Take(3))}";
        var check = await HostCommand.RunAsync("env", [.. common, "-n", copy], ct);
        return check.ExitCode == 0 ? null : $"e2fsck -fn ended with {check.ExitCode}: {LastLines(check)}";
    }

    private static async Task<FileSystemCheck> XfsAsync(string copy, string directory, CancellationToken ct)
    {
        var mount = Directory.CreateDirectory(Path.Combine(directory, "mount")).FullName;
        // Two copies of one file system may be looked at at the same time: nouuid.
        var replay = await HostCommand.RunAsync("mount", ["-t", "xfs", "-o", "loop,nouuid", copy, mount], ct);
        if (replay.ExitCode != 0) return new FileSystemCheck($"mount for log replay: {replay.AllText.Trim()}", null);
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
        var check = await HostCommand.RunAsync("xfs_repair", ["-n", copy], ct);
        var problem = check.ExitCode == 0 ? null : $"xfs_repair -n ended with {check.ExitCode}: {LastLines(check)}";
        return new FileSystemCheck(problem, File.Exists(file) ? file : null);
    }

    private static string LastLines(HostCommand run) =>
        string.Join("; ", run.AllText.Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(3));
}
