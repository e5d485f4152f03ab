// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Testing.Field;

/// <summary>
/// A real ext4 in a file, mounted over a directory, that can be filled to the last block. Needs root.
/// </summary>
public sealed class SmallDisk : IAsyncDisposable
{
    private const int Block = 4096;
    private const long Reserve = 2 << 20;
    private readonly string _mount;

    private SmallDisk(string mount) => _mount = mount;

    private string Filler => Path.Combine(_mount, "filler");

    public long FreeBytes => new DriveInfo(_mount).AvailableFreeSpace;

    /// <param name="image">Made anew, sparse.</param>
    public static async Task<SmallDisk> MountAsync(string image, string mount, long bytes, CancellationToken ct)
    {
        File.Delete(image);
        await using (var file = File.Create(image)) file.SetLength(bytes);
        string[] options = ["-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", image];
        await HostCommand.MustAsync("mkfs.ext4", options, ct);
        Directory.CreateDirectory(mount);
        await HostCommand.MustAsync("mount", ["-o", "loop", image, mount], ct);
        // Nobody expects a directory there that is nobody's.
        Directory.Delete(Path.Combine(mount, "lost+found"));
        return new SmallDisk(mount);
    }

    /// <summary>Takes what is free now, and goes on taking what others give up, until it is freed.</summary>
    public async Task FillAsync(CancellationToken ct)
    {
        // Reserved without being written: filling costs no time. What that leaves goes block by block.
        if (FreeBytes > 2 * Reserve)
            await HostCommand.RunAsync("fallocate", ["-l", $"{FreeBytes - Reserve}", Filler], ct);
        await using var file = new FileStream(Filler, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, 0);
        var bytes = new byte[1 << 20];
        Array.Fill(bytes, (byte)0xF1);
        for (var piece = bytes.Length; piece >= Block;)
        {
            try
            {
                await file.WriteAsync(bytes.AsMemory(0, piece), ct);
            }
            catch (IOException)
            {
                piece /= 2;   // full for this size; the last blocks go one by one
            }
        }
    }

    public void Free() => File.Delete(Filler);

    public async ValueTask DisposeAsync()
    {
        // What still has a file open there ends with the test; the mount goes with the last of them.
        await HostCommand.MustAsync("umount", ["-l", _mount], CancellationToken.None);
    }
}
