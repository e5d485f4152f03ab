// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Qemu;

namespace Lifeboat.Agent.Capture.Moments;

/// <summary>The files that an instance's disks lie in, as far as they are files of this host.</summary>
internal static class ImageFiles
{
    /// <summary>
    /// Has the host write out what it caches of them. It only shortens what follows, so what cannot be opened, or takes
    /// longer than the limit, is left.
    /// </summary>
    public static async Task FlushAsync(QmpClient qmp, TimeSpan limit, TimeProvider time, CancellationToken ct)
    {
        var nodes = await BlockLook.NodesAsync(qmp, n => n.GetProperty("drv").GetString() is "file" or "host_device"
            && !n.GetProperty("ro").GetBoolean() ? n.GetProperty("file").GetString() : null, ct);
        var files = nodes.OfType<string>().Distinct().Where(File.Exists).ToList();
        try
        {
            await Task.WhenAll(files.Select(f => Task.Run(() => Flush(f), ct))).WaitAsync(limit, time, ct);
        }
        catch (TimeoutException)
        {
            // It goes on; the pause waits for what is left of it.
        }
    }

    private static void Flush(string file)
    {
        try
        {
            using var handle = File.OpenHandle(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            RandomAccess.FlushToDisk(handle);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not ours to open: QEMU flushes it in the pause.
        }
    }
}
