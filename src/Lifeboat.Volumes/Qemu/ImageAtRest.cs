// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Lifeboat.Journaling.Storage;
using Lifeboat.Nbd;
using Lifeboat.Replication.Capture;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Volumes.Qemu;

// Invariants
//   It takes no lock, so an instance that is started is neither refused nor held up (I4).
//   What a read gives back was in the file when it was opened: behind each read it is looked whether a QEMU has the
//   file to write, on this host or another one, and whether it has been changed since. So all images of a group that
//   were opened at rest are of one moment for as long as their reads succeed.
/// <summary>
/// The image file of an instance that is shut down, read through a storage daemon of its own. Failures are
/// <see cref="TapException"/>, Refused; from the moment that somebody starts the instance every read fails.
/// </summary>
public sealed class ImageAtRest : IAsyncDisposable
{
    // Who may write holds a lock on this byte: RAW_LOCK_PERM_BASE and BLK_PERM_WRITE of QEMU's block/file-posix.c.
    private const long WriterByte = 100 + 1;

    private readonly string _path;
    private readonly FileStamp _stamp;
    private readonly StorageDaemon _daemon;
    private readonly NbdClient _client;

    private ImageAtRest(string path, FileStamp stamp, StorageDaemon daemon, NbdClient client) =>
        (_path, _stamp, _daemon, _client) = (path, stamp, daemon, client);

    public long SizeBytes => _client.Info.Size;

    /// <summary>Differs once somebody has written to the file, as far as its file system tells.</summary>
    public string Mark => _stamp.ToString();

    /// <param name="driver">Of the format, as QEMU calls it; what it is based on is found by the image.</param>
    /// <param name="place">What socket and pid file of the daemon begin with; short.</param>
    public static async Task<ImageAtRest> OpenAsync(
        string path, string driver, string place, TimeProvider time, CancellationToken ct)
    {
        var stamp = Look(path);
        var node = new JsonObject
        {
            ["driver"] = driver,
            ["node-name"] = StorageDaemon.Export,
            ["read-only"] = true,
            ["force-share"] = true,
            ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = path },
        };
        try
        {
            var (daemon, client) = await StorageDaemon.StartAsync(
                node.ToJsonString(), place, writable: false, time, ct, [NbdExtent.BaseAllocation]);
            return new ImageAtRest(path, stamp, daemon, client);
        }
        catch (StorageException e)
        {
            throw new TapException(TapFault.Refused, $"{path} cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>Ends the daemon that a killed process left at this place.</summary>
    public static Task EndLeftAsync(string place, TimeProvider time) => StorageDaemon.EndPredecessorAsync(place, time);

    /// <summary>The mark of a file that is not opened.</summary>
    public static string MarkOf(string path) => Look(path).ToString();

    public Task<IReadOnlyList<NbdExtent>> AllocationAsync(long offset, long length, CancellationToken ct) =>
        AskAsync(() => _client.BlockStatusAsync(NbdExtent.BaseAllocation, offset, length, ct));

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct) =>
        await AskAsync(async () =>
        {
            await _client.ReadAsync(offset, buffer, ct);
            return true;
        });

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _daemon.DisposeAsync();
    }

    private async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        T answer;
        try
        {
            answer = await ask();
        }
        catch (NbdException e)
        {
            throw new TapException(TapFault.Refused, $"{_path} cannot be read: {e.Message}", e);
        }
        if (Look(_path) != _stamp)
            throw new TapException(TapFault.Refused, $"{_path} was written to: its instance does not rest any more");
        return answer;
    }

    private static FileStamp Look(string path)
    {
        try
        {
            // Opened, for NFS asks its server only then.
            using var file = System.IO.File.OpenHandle(path, FileMode.Open, FileAccess.Read,
                FileShare.ReadWrite | FileShare.Delete);
            var held = new Posix.FileLock { Type = Posix.LockToWrite, Start = WriterByte, Length = 1 };
            if (Posix.Control(file, Posix.AskOpenLock, ref held) != 0)
                throw StorageErrors.FromErrno(Marshal.GetLastPInvokeError(), "asking for locks", path);
            if (held.Type != Posix.Unlocked)
                throw new TapException(TapFault.Refused, $"a QEMU has {path} open to write: its instance is not shut "
                    + "down, or runs on another host");
            return new FileStamp(System.IO.File.GetLastWriteTimeUtc(file).Ticks, RandomAccess.GetLength(file));
        }
        catch (Exception e) when (StorageErrors.IsOurs(e))
        {
            throw new TapException(TapFault.DiskNotFound, StorageErrors.From(e, path).Message, e);
        }
        catch (StorageException e)
        {
            throw new TapException(TapFault.Refused, e.Message, e);
        }
    }

    private readonly record struct FileStamp(long WrittenTicks, long Length)
    {
        public override string ToString() => string.Create(null, $"{WrittenTicks}.{Length}");
    }
}
