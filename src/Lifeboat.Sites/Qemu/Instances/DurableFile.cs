// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.Qemu.Instances;

internal static class DurableFile
{
    private const int NoSpaceLeft = 28;   // ENOSPC

    /// <summary>Whole or not at all, also over a crash of the host.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var aside = path + ".new";
        try
        {
            using (var file = new FileStream(aside, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }
            File.Move(aside, path, overwrite: true);
        }
        catch (IOException e)
        {
            throw new SiteException(e.HResult == NoSpaceLeft ? SiteFault.NoSpace : SiteFault.Refused,
                $"{path} cannot be written: {e.Message}", e);
        }
    }
}
