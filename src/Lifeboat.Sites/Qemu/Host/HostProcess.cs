// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Runtime.InteropServices;

namespace Lifeboat.Sites.Qemu.Host;

/// <summary>
/// A process of the host that we know by its number AND its start time, so that a later process with the same number is
/// never taken for it, let alone killed.
/// </summary>
/// <param name="StartTicks">Field 22 of `/proc/PID/stat`: clock ticks since the host's boot.</param>
internal readonly partial record struct HostProcess(int Id, long StartTicks)
{
    private const int SigHup = 1;
    private const int SigKill = 9;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    /// <summary>False also for a zombie whose last thread has ended: it can no longer write.</summary>
    public bool IsAlive => Find(Id) == this;

    public static HostProcess? Find(int id)
    {
        if (Read($"/proc/{id}/stat") is not { } stat) return null;
        // The name in parentheses may hold anything, so fields are counted from the last one.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return fields.Length > 19 && !(fields[0] is "Z" or "X" && ThreadsOf(id) <= 1)
            && long.TryParse(fields[19], NumberStyles.None, CultureInfo.InvariantCulture, out var start)
            ? new HostProcess(id, start)
            : null;
    }

    /// <summary>
    /// The process that was started with this argument (a path that only it has). The pid file is a hint: what it names
    /// is believed only when that process really carries the argument.
    /// </summary>
    public static HostProcess? FindByArgument(string pidFile, string argument)
    {
        if (int.TryParse(Read(pidFile)?.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var hint)
            && HasArgument(hint, argument)) return Find(hint);
        return All(argument).FirstOrDefault();
    }

    /// <summary>All processes that carry the argument.</summary>
    public static IEnumerable<HostProcess?> All(string argument) =>
        from folder in Directory.EnumerateDirectories("/proc")
        let name = Path.GetFileName(folder)
        where char.IsAsciiDigit(name[0])
        let id = int.Parse(name, CultureInfo.InvariantCulture)
        where HasArgument(id, argument)
        let process = Find(id)
        where process is not null
        select process;

    /// <summary>A file name as the process means it: relative ones from the directory it was started in.</summary>
    public string Absolute(string path)
    {
        if (Path.IsPathRooted(path)) return path;
        var started = new FileInfo($"/proc/{Id}/cwd").LinkTarget;
        return started is null ? Path.GetFullPath(path) : Path.GetFullPath(path, started);
    }

    public void ReloadConfiguration() => Signal(SigHup);

    /// <summary>Kills it and returns true once it is gone; false when it is still there at the limit.</summary>
    public async Task<bool> KillAsync(TimeSpan limit, TimeProvider time, CancellationToken ct)
    {
        Signal(SigKill);
        return await GoneAsync(limit, time, ct);
    }

    /// <summary>True when it ended within the limit.</summary>
    public async Task<bool> GoneAsync(TimeSpan limit, TimeProvider time, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (IsAlive)
        {
            if (time.GetElapsedTime(start) > limit) return false;
            await Task.Delay(Look, time, ct);
        }
        return true;
    }

    private void Signal(int signal)
    {
        // Between the check and the signal only a wrap-around of all process numbers could put another one here.
        if (IsAlive) SendSignal(Id, signal);
    }

    // A killed process shows as a zombie as soon as its first thread has ended; others may still be in a write.
    private static int ThreadsOf(int id)
    {
        try
        {
            return Directory.GetDirectories($"/proc/{id}/task").Length;
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static bool HasArgument(int id, string argument) =>
        Read($"/proc/{id}/cmdline") is { } line && line.Split('\0').Any(a =>
            a.EndsWith(argument, StringComparison.Ordinal) && (a.Length == argument.Length
                || a[^(argument.Length + 1)] == '='));

    private static string? Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int id, int signal);
}
