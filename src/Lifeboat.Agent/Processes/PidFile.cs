// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Agent.Processes;

// Which process plays a role of a site. The lock makes it one: it is the kernel's and ends with the process, however it
// ends. The pid file beside it only tells others whom to look at, with the start time so that nobody else is meant.
public sealed class PidFile : IDisposable
{
    private static readonly TimeSpan RetryEvery = TimeSpan.FromMilliseconds(50);
    private readonly FileStream _lock;
    private readonly string _path;

    private PidFile(FileStream held, string path)
    {
        _lock = held;
        _path = path;
    }

    /// <summary>Takes the role for this process; null when another one keeps it for longer than the limit.</summary>
    public static async Task<PidFile?> TakeAsync(
        SitePaths paths, string role, TimeSpan limit, TimeProvider time, CancellationToken ct)
    {
        Directory.CreateDirectory(paths.Run);
        var path = paths.PidFile(role);
        var started = time.GetTimestamp();
        while (true)
        {
            try
            {
                var held = new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                Write(path, ProcessIdentity.Current);
                return new PidFile(held, path);
            }
            catch (IOException) when (File.Exists(path + ".lock"))
            {
                // A killed predecessor may still be on its way out.
                if (time.GetElapsedTime(started) > limit) return null;
                await Task.Delay(RetryEvery, time, ct);
            }
        }
    }

    /// <summary>The process that plays the role and runs; null when none does.</summary>
    public static ProcessIdentity? Find(SitePaths paths, string role)
    {
        string[] words;
        try
        {
            words = File.ReadAllText(paths.PidFile(role)).Split(' ', StringSplitOptions.TrimEntries);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        if (words.Length < 2 || !int.TryParse(words[0], CultureInfo.InvariantCulture, out var id)
            || !long.TryParse(words[1], CultureInfo.InvariantCulture, out var start)) return null;
        var identity = new ProcessIdentity(id, start);
        return identity.IsAlive ? identity : null;
    }

    /// <summary>Notes a child that has not come to write its own file yet.</summary>
    public static void Write(string path, ProcessIdentity identity)
    {
        var aside = $"{path}.{Environment.ProcessId}";
        File.WriteAllText(aside, string.Create(CultureInfo.InvariantCulture, $"{identity.Id} {identity.StartTicks}\n"));
        File.Move(aside, path, overwrite: true);
    }

    // The lock file stays: removing it would let two processes hold "the" lock.
    public void Dispose()
    {
        File.Delete(_path);
        _lock.Dispose();
    }
}
