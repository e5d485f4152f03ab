// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Runtime.InteropServices;

namespace Lifeboat.Agent;

/// <summary>
/// Code of the runtime and the libraries that this process has mapped from files. Most of it is needed once, to start.
/// </summary>
internal static partial class CodePages
{
    private const string Code = "r-xp", Changed = "Anonymous:";
    private const int NotNeeded = 4; // MADV_DONTNEED

    /// <summary>
    /// Takes them out of the process. They stay in the page cache for as long as the system has no better use for
    /// that memory, and one that is run again comes back from there in about a microsecond, with its neighbours. So
    /// call it when nobody is waiting.
    /// </summary>
    public static void Unmap()
    {
        // It fails where the system knows no such thing, and nothing is lost then.
        foreach (var (start, length) in Find()) _ = Advise(start, length, NotNeeded);
    }

    // A page that was changed since it was read from its file is nowhere else: whatever has one stays. Code is mapped
    // for good, so that nothing else can be at its place when it is let go of.
    private static List<(nint Start, nint Length)> Find()
    {
        var found = new List<(nint, nint)>();
        try
        {
            (nint Start, nint End)? code = null;
            foreach (var line in File.ReadLines("/proc/self/smaps"))
            {
                if (TryReadHead(line, out var range)) code = range;
                else if (code is { } at && line.StartsWith(Changed, StringComparison.Ordinal)
                    && line.AsSpan(Changed.Length).Trim().SequenceEqual("0 kB"))
                    found.Add((at.Start, at.End - at.Start));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not every kernel tells, and nothing is lost then.
        }
        return found;
    }

    /// <summary>`7f5c1c000000-7f5c1c021000 r-xp 00001000 fe:00 1234   /usr/lib/x.so`: a range, or what is said of
    /// one.</summary>
    /// <param name="code">Null: it is a range of something else.</param>
    internal static bool TryReadHead(string line, out (nint Start, nint End)? code)
    {
        code = null;
        var words = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (words.Length < 5 || words[0].IndexOf('-') is not (> 0 and var dash)) return false;
        if (words is [_, Code, _, _, _, ['/', ..] file] && !file.EndsWith("(deleted)", StringComparison.Ordinal)
            && nint.TryParse(words[0].AsSpan(0, dash), NumberStyles.AllowHexSpecifier, null, out var start)
            && nint.TryParse(words[0].AsSpan(dash + 1), NumberStyles.AllowHexSpecifier, null, out var end))
            code = (start, end);
        return true;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint memory, nint length, int advice);
}
