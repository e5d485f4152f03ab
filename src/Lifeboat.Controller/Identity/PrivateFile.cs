// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Controller.Identity;

/// <summary>Files that only the site's user may read, replaced whole or not at all.</summary>
internal static class PrivateFile
{
    private static int _written;

    public static void Write(string path, string text)
    {
        // Of its own for every writer: two controllers of a site may write the same file.
        var aside = $"{path}.{Environment.ProcessId}.{Interlocked.Increment(ref _written)}.new";
        File.Delete(aside);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using (var stream = new FileStream(aside, options))
        {
            stream.Write(System.Text.Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }
        File.Move(aside, path, overwrite: true);
    }
}
