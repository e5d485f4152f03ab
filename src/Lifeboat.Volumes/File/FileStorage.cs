// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Volumes.Files;

/// <summary>A directory of the local file system as storage. Every call blocks and answers synchronously.</summary>
public sealed class FileStorage : IStorage
{
    private readonly string _directory;

    /// <param name="directory">Made when absent.</param>
    /// <exception cref="StorageException">It cannot be made.</exception>
    public FileStorage(string directory)
    {
        _directory = Path.GetFullPath(directory);
        try
        {
            Directory.CreateDirectory(_directory);
        }
        catch (Exception e) when (StorageErrors.IsOurs(e))
        {
            throw StorageErrors.From(e, _directory);
        }
    }

    public ValueTask<IStorageFile> OpenAsync(string name, bool create, CancellationToken ct)
    {
        var file = RawFile.Open(PathOf(name), create ? FileMode.OpenOrCreate : FileMode.Open);
        return ValueTask.FromResult<IStorageFile>(new FileStorageFile(file));
    }

    public ValueTask<bool> ExistsAsync(string name, CancellationToken ct) =>
        ValueTask.FromResult(System.IO.File.Exists(PathOf(name)));

    public ValueTask DeleteAsync(string name, CancellationToken ct)
    {
        Run(name, () => System.IO.File.Delete(PathOf(name)));
        return ValueTask.CompletedTask;
    }

    public ValueTask RenameAsync(string from, string to, CancellationToken ct)
    {
        Run(from, () => System.IO.File.Move(PathOf(from), PathOf(to), overwrite: true));
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken ct)
    {
        IReadOnlyList<string> names = [];
        Run("", () => names = [.. Directory.EnumerateFiles(_directory).Select(f => Path.GetFileName(f))]);
        return ValueTask.FromResult(names);
    }

    public ValueTask SyncAsync(CancellationToken ct)
    {
        var errno = Posix.SyncDirectory(_directory);
        if (errno != 0) throw StorageErrors.FromErrno(errno, "fsync", _directory);
        return ValueTask.CompletedTask;
    }

    public ValueTask<long> FreeBytesAsync(CancellationToken ct)
    {
        long free = 0;
        Run("", () => free = new DriveInfo(_directory).AvailableFreeSpace);
        return ValueTask.FromResult(free);
    }

    // Names come from our own code; a separator in one would be a way out of the directory.
    private string PathOf(string name) =>
        name.Length > 0 && name.AsSpan().IndexOfAny('/', '\0') < 0 && name is not ("." or "..")
            ? Path.Combine(_directory, name)
            : throw new ArgumentException($"not a file name: '{name}'", nameof(name));

    private void Run(string name, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (StorageErrors.IsOurs(e))
        {
            throw StorageErrors.From(e, Path.Combine(_directory, name));
        }
    }
}
