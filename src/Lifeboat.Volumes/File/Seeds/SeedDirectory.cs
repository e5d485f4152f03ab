// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Volumes.Files.Seeds;

/// <summary>A seed that was carried here.</summary>
public static class SeedDirectory
{
    /// <summary>The name of the format in <see cref="BaseImageSpec.SeedFormat"/>.</summary>
    public const string Format = "lifeboat-seed";
    private const int ProblemsMax = 100;

    /// <summary>The seed in a directory: itself, or the only one directly in it; null: none, or several.</summary>
    public static string? Find(string directory)
    {
        if (File.Exists(Path.Combine(directory, SeedManifest.FileName))) return directory;
        return Directory.Exists(directory) && Directory.GetDirectories(directory, "*.seed") is [var only]
            ? only
            : null;
    }

    /// <summary>Reads all of a seed and verifies every chunk.</summary>
    /// <param name="read">Told of bytes read.</param>
    /// <returns>Null: it cannot be used; all that is wrong, but for what is beyond a hundred, is in the problems.
    /// </returns>
    public static SeedManifest? Verify(
        string directory, List<string> problems, Action<SeedManifest, long> read, CancellationToken ct)
    {
        if (SeedManifest.Load(directory, problems) is not { } manifest) return null;
        if (manifest.ChunkBytes != SeedChunk.Bytes)
            problems.Add($"chunks of {manifest.ChunkBytes} bytes, which this release does not know");
        foreach (var volume in manifest.Volumes)
        {
            // The name is joined to a path: nothing else than a file of the seed is ever read.
            if (Path.GetFileName(volume.File) != volume.File || volume.File.Length == 0)
                problems.Add($"volume {volume.Name}: '{volume.File}' is no name of a file");
            else Verify(directory, volume, problems, bytes => read(manifest, bytes), ct);
        }
        if (problems.Count <= ProblemsMax) return problems.Count == 0 ? manifest : null;
        var more = problems.Count - ProblemsMax;
        problems.RemoveRange(ProblemsMax, more);
        problems.Add($"and {more} more");
        return null;
    }

    /// <summary>Puts the chunks of a volume into an image; what they leave out becomes zeroes.</summary>
    /// <exception cref="ReplicaStoreException">SeedUnreadable: it was damaged since it was verified.</exception>
    internal static void CopyInto(string file, RawFile target, long sizeBytes, CancellationToken ct)
    {
        try
        {
            using var reader = new SeedReader(file);
            var at = 0L;
            while (reader.Next(out var problem) is { } chunk)
            {
                ct.ThrowIfCancellationRequested();
                if (problem is not null || chunk.Offset < at || chunk.Offset + chunk.Bytes.Length > sizeBytes)
                    throw Unreadable(file, problem ?? $"a chunk for byte {chunk.Offset}, which has no place");
                target.Zero(at, chunk.Offset - at);
                target.Write(chunk.Offset, chunk.Bytes.Span);
                at = chunk.Offset + chunk.Bytes.Length;
            }
            target.Zero(at, sizeBytes - at);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(file, e.Message, e);
        }
    }

    private static void Verify(string directory, SeedVolume volume, List<string> problems, Action<long> read,
        CancellationToken ct)
    {
        void Say(string what) => problems.Add($"volume {volume.Name} ({volume.File}): {what}");
        try
        {
            using var reader = new SeedReader(Path.Combine(directory, volume.File));
            var (at, told) = (0L, 0L);
            while (true)
            {
                ct.ThrowIfCancellationRequested();
                var chunk = reader.Next(out var problem);
                if (problem is not null) Say(problem);
                read(reader.ReadBytes - told);
                told = reader.ReadBytes;
                if (chunk is not { } found) break;
                if (found.Offset < at || found.Offset > volume.SizeBytes - found.Bytes.Length)
                    Say($"the chunk for byte {found.Offset} has no place in {volume.SizeBytes} bytes");
                at = Math.Max(at, found.Offset + found.Bytes.Length);
            }
            if (reader.Chunks != volume.Chunks || reader.ReadBytes != volume.FileBytes)
                Say($"{reader.Chunks} chunks in {reader.ReadBytes} bytes; it was written with {volume.Chunks} in "
                    + $"{volume.FileBytes}");
            else if (reader.Digest != volume.Digest) Say("its chunks are others than were written");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Say($"cannot be read: {e.Message}");
        }
    }

    private static ReplicaStoreException Unreadable(string file, string why, Exception? cause = null) =>
        new(ReplicaStoreFault.SeedUnreadable, $"seed {file}: {why}", cause);
}
