// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.Qemu.Host;

namespace Lifeboat.Sites.OpenStack.Filling;

/// <summary>
/// Copies a point-in-time view into a volume that nobody runs from, behind Cinder's back, with QEMU's own tool. Of a
/// new one, which is empty, what the view has no data for is passed over.
/// </summary>
/// <remarks>
/// A controller that is killed leaves its copy running. That copy holds a lock as long as it lives, which the next one
/// waits for: never does a late one write into a volume that a server has.
/// </remarks>
/// <param name="locks">A folder of this host for the locks.</param>
internal sealed class VolumeFiller(string locks, TimeProvider time)
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(60);
    private static readonly string[] Needed = ["qemu-img", "qemu-nbd", "flock"];

    public string Locks => locks;

    public static IEnumerable<string> ToolGaps() => Needed.Where(t => Tool.Find(t) is null)
        .Select(t => $"the program '{t}' is not on this host (on Debian: qemu-utils, util-linux)");

    /// <exception cref="SiteException">The place cannot be reached, the volume is not there or too short, or the copy
    /// failed.</exception>
    /// <param name="isNew">False: something else is in it, which goes.</param>
    public async Task FillAsync(string volume, VolumePlace place, DiskSource from, long sizeBytes, bool isNew,
        CancellationToken ct)
    {
        Directory.CreateDirectory(locks);
        var target = Options(volume, place);
        await CheckAsync(volume, target, sizeBytes, ct);
        var done = await Tool.RunAsync("flock",
        [
            "--no-fork", LockOf(volume), Tool.Find("qemu-img") ?? throw Tool.Missing("qemu-img"), "convert", "-n",
            .. isNew ? ["--target-is-zero"] : Array.Empty<string>(), "-m", "8", "-W", "-t", "writeback", "--image-opts",
            "driver=raw,file.driver=nbd,file.server.type=unix,"
                + $"file.server.path={Escaped(from.ViewSocket!)},file.export={Escaped(from.ViewExport ?? "")}",
            "--target-image-opts", target,
        ], ct);
        if (done.Succeeded) return;
        var full = done.Error.Contains("No space", StringComparison.OrdinalIgnoreCase);
        throw new SiteException(full ? SiteFault.NoSpace : SiteFault.Refused,
            $"disk '{from.Disk}' cannot be copied into volume {volume}: {done.Error}");
    }

    /// <summary>Returns once nothing of ours copies into a volume any more.</summary>
    /// <exception cref="SiteException">Timeout.</exception>
    public async Task WaitForEndAsync(string volume, TimeSpan limit, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (IsLocked(locks, volume))
        {
            if (time.GetElapsedTime(start) >= limit)
                throw new SiteException(SiteFault.Timeout, $"volume {volume} is still being copied into by a `qemu-img`"
                    + $" of an earlier attempt after {limit.TotalSeconds:0} s; it holds {LockOf(volume)}");
            await Task.Delay(Look, time, ct);
        }
        // Nothing was ever copied from here into volumes that appliances write.
        if (File.Exists(LockOf(volume))) File.Delete(LockOf(volume));
    }

    /// <summary>Something of ours on this host may write to the volume.</summary>
    // .NET locks a file as flock(1) does.
    public static bool IsLocked(string locks, string volume)
    {
        if (!File.Exists(LockOf(locks, volume))) return false;
        try
        {
            using var mine = new FileStream(LockOf(locks, volume), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return false;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    public static string LockOf(string locks, string volume) => Path.Combine(locks, $"volume-{volume}.lock");

    private string LockOf(string volume) => LockOf(locks, volume);

    /// <exception cref="SiteException">It is not there, or too short.</exception>
    internal static async Task CheckAsync(string volume, string target, long sizeBytes, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(AnswerLimit);
        ToolResult asked;
        try
        {
            asked = await Tool.RunAsync("qemu-img",
                ["info", "--force-share", "--output", "json", "--image-opts", target], patience.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new SiteException(SiteFault.Timeout, $"where volume {volume} lies does not answer within "
                + $"{AnswerLimit.TotalSeconds:0} s ({target})");
        }
        using var info = JsonDocument.Parse(asked.OrThrow($"looking at volume {volume}").Output);
        var length = info.RootElement.GetProperty("virtual-size").GetInt64();
        if (length < sizeBytes)
            throw new SiteException(SiteFault.Refused, string.Create(CultureInfo.InvariantCulture,
                $"volume {volume} has {length} bytes where it lies, {sizeBytes} are needed ({target})"));
    }

    // As `--image-opts` takes them.
    internal static string Options(string volume, VolumePlace place)
    {
        var image = place.ImageOf(volume);
        if (DiskImage.IsFile(image))
            return $"driver={place.FormatOf(volume)},file.driver=file,file.filename={Escaped(image)}";
        return "driver=raw," + string.Join(',',
            DiskImage.OptionsOf(image).Select(o => $"file.{o.Key}={Escaped(o.Value!.GetValue<string>())}"));
    }

    private static string Escaped(string text) => text.Replace(",", ",,", StringComparison.Ordinal);
}
