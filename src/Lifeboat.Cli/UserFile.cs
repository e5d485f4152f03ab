// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Cli;

/// <summary>
/// Files that somebody named on the command line. What cannot be read or written is `invalid-request`, with the option,
/// the whole path and what to do; and it is found before anything is asked of the controller.
/// </summary>
internal static class UserFile
{
    public const string Stdin = "-";

    /// <param name="input">What named it, e.g. `--file`.</param>
    /// <param name="stdin">`-` is standard input.</param>
    /// <exception cref="ProblemException">InvalidRequest.</exception>
    public static async Task<string> ReadAsync(string input, string path, bool stdin, CancellationToken ct)
    {
        if (stdin && path == Stdin) return await Console.In.ReadToEndAsync(ct);
        try
        {
            return await File.ReadAllTextAsync(path, ct);
        }
        catch (Exception e) when (IsOfFile(e))
        {
            throw Refused(input, path, "read", stdin ? "Give the path of one that is, or - for standard input."
                : "Give the path of one that is.", e);
        }
    }

    /// <exception cref="ProblemException">InvalidRequest: it could not be read.</exception>
    public static void MustBeReadable(string input, string path)
    {
        try
        {
            using var file = File.OpenRead(path);
        }
        catch (Exception e) when (IsOfFile(e))
        {
            throw Refused(input, path, "read", "Give the path of one that is.", e);
        }
    }

    /// <summary>Before the work whose result it is to hold. Leaves nothing there.</summary>
    /// <exception cref="ProblemException">InvalidRequest: no file could be written there.</exception>
    public static void MustBeWritable(string input, string path)
    {
        try
        {
            var whole = Path.GetFullPath(path);
            if (Directory.Exists(whole)) throw new IOException("it is a folder");
            if (File.Exists(whole))
            {
                using var file = File.OpenWrite(whole);
                return;
            }
            var probe = Path.Combine(Path.GetDirectoryName(whole)!, $".lifeboat-{Guid.NewGuid():N}");
            using (File.Create(probe, 1, FileOptions.DeleteOnClose)) { }
        }
        catch (Exception e) when (IsOfFile(e))
        {
            throw Refused(input, path, "written", "Name a file in a folder that is there and may be written to.", e);
        }
    }

    /// <summary>Makes the folder, if it is not there; gives its whole path.</summary>
    /// <exception cref="ProblemException">InvalidRequest.</exception>
    public static string Folder(string input, string path)
    {
        try
        {
            return Directory.CreateDirectory(path).FullName;
        }
        catch (Exception e) when (IsOfFile(e))
        {
            throw Refused(input, path, "made", "Name a folder that may be made or is there.", e);
        }
    }

    /// <summary>Why a file could not be read or written, without its path.</summary>
    public static string Why(string path, Exception e) => e switch
    {
        _ when path.Length == 0 => "it has no name",
        _ when Directory.Exists(path) => "it is a folder",
        FileNotFoundException => "there is no such file",
        DirectoryNotFoundException => $"there is no folder {Path.GetDirectoryName(Path.GetFullPath(path))}",
        UnauthorizedAccessException => $"{Environment.UserName} may not do that",
        _ => e.Message,
    };

    /// <summary>Also of an empty path, which is no argument to those who open files.</summary>
    public static bool IsOfFile(Exception e) =>
        e is IOException or UnauthorizedAccessException or ArgumentException { ParamName: "path" };

    public static string Whole(string path) => path.Length == 0 ? "''" : Path.GetFullPath(path);

    private static ProblemException Refused(string input, string path, string what, string advice, Exception cause) =>
        new(ReasonCode.InvalidRequest, $"{input}: {Whole(path)} cannot be {what}: {Why(path, cause)}", advice,
            cause: cause);
}
