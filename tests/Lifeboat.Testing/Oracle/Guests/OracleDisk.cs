// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

public enum OracleFileSystem { Raw, Ext4, Xfs }

/// <summary>A disk of an oracle guest: a raw image file and what is on it.</summary>
/// <param name="SizeBytes">XFS refuses less than 300 MiB.</param>
public sealed record OracleDisk(string Path, long SizeBytes, OracleFileSystem FileSystem)
{
    /// <summary>Makes the image anew, sparse. File systems are complete: nothing is initialised later.</summary>
    public async Task CreateAsync(CancellationToken ct)
    {
        File.Delete(Path);
        await using (var file = new FileStream(Path, FileMode.CreateNew)) file.SetLength(SizeBytes);
        switch (FileSystem)
        {
            case OracleFileSystem.Ext4:
                string[] lazyOff = ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", Path];
                await HostCommand.MustAsync("mkfs.ext4", lazyOff, ct);
                break;
            case OracleFileSystem.Xfs:
                await HostCommand.MustAsync("mkfs.xfs", ["-q", "-f", Path], ct);
                break;
            case OracleFileSystem.Raw:
                break;
        }
    }

    /// <summary>Disks `disk0.img`, `disk1.img` … in a directory, one per file system named.</summary>
    public static async Task<IReadOnlyList<OracleDisk>> CreateAllAsync(
        string directory, long sizeBytes, IReadOnlyList<OracleFileSystem> fileSystems, CancellationToken ct)
    {
        Directory.CreateDirectory(directory);
        var disks = fileSystems.Select((kind, i) =>
            new OracleDisk(System.IO.Path.Combine(directory, $"disk{i}.img"), sizeBytes, kind)).ToArray();
        foreach (var disk in disks) await disk.CreateAsync(ct);
        return disks;
    }
}
