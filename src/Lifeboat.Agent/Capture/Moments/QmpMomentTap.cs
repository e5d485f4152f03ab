// SPDX-License-Identifier: Apache-2.0
using System.Collections.Immutable;
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Moments;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Capture.Moments;

// Moments of QEMU disks (why like this: docs/decisions/0021-moments-by-copy-before-write.md):
//
//   PREPARE every disk: fresh map beside the old ones, overlay, filter ──► FIX: the devices go through their filters
//     ──► FINISH: old maps frozen, images exported ──► read ──► CLOSE: everything of it is gone but the maps ──► FORGET
//
// FIX is one moment: of a single disk QEMU drains that disk; with several, all instances are paused for as long as it
// takes to turn the devices, some milliseconds, and a pause is watched over by the watchdog: whoever dies in it, the
// instances run on. The conversations with all monitors are open meanwhile, so nothing has to be connected in it.
//
// Of instances that are all shut down the files are read instead (RestMoment).
internal sealed partial class QmpMomentTap(IReadOnlyList<QmpDiskTap> disks, RestWatch rests, HeartbeatPage watched,
    MomentPlaces places, long overlayBytesMax, TimeProvider time, ILogger<QmpMomentTap> logger) : IMomentTap
{
    private static readonly TimeSpan PauseLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FlushLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan DisposeLimit = TimeSpan.FromSeconds(5);
    private readonly IReadOnlyList<QemuMonitor> _monitors =
        [.. disks.Select(d => d.Monitor).Distinct().OrderBy(m => m.SocketPath, StringComparer.Ordinal)];
    private CancellationTokenSource _reading = new();
    private List<MomentReader> _readers = [];
    private RestMoment? _rest;
    private RestLeft? _left;

    public async Task<IMoment> TakeAsync(Guid replica, CancellationToken ct)
    {
        await EndReadingAsync();
        EmptyFolder();
        if (await rests.LookAsync(ct) is { InQemu: false } rest)
            return _rest = await RestMoment.TakeAsync(disks, rest, places.Rest, (replica, _left), NoteLeft, time, ct);
        _left = null;
        return await TalkToAllAsync(async talks =>
        {
            try
            {
                return await TakeAsync(talks, replica, ct);
            }
            catch
            {
                await EndReadingAsync();
                foreach (var disk in disks) await TryEndAsync(disk, talks[disk.Monitor]);
                throw;
            }
        }, ct);
    }

    public async Task<string?> RestMarkAsync(CancellationToken ct) => await rests.LookAsync(ct) switch
    {
        null => null,
        { InQemu: true } rest => $"{rest.Runs}",
        var rest => RestMoment.MarkOf(disks, rest),
    };

    public void LetGo() => _reading.Cancel();

    public async Task DetachAsync(CancellationToken ct)
    {
        await EndReadingAsync();
        await RestMoment.EndLeftAsync(disks, places.Rest, time);
        foreach (var monitor in _monitors)
            await monitor.RearrangeAsync(async qmp =>
            {
                foreach (var disk in disks.Where(d => d.Monitor == monitor)) await disk.EndMomentAsync(qmp, ct);
            }, waits: true, ct);
    }

    public async Task UninstallAsync(CancellationToken ct)
    {
        await EndReadingAsync();
        foreach (var disk in disks) await disk.UninstallAsync(ct);
    }

    /// <summary>Nobody may be back for long: the guests do not go on copying for an image that nobody reads.</summary>
    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(DisposeLimit, time);
        try
        {
            await DetachAsync(limit.Token);
        }
        catch (Exception e) when (e is TapException or OperationCanceledException)
        {
            LogNotCleaned("its disks", e.Message);
        }
        _reading.Dispose();
    }

    private async Task<IMoment> TakeAsync(
        ImmutableDictionary<QemuMonitor, QmpClient> talks, Guid replica, CancellationToken ct)
    {
        var prepared = new List<PreparedMoment>();
        foreach (var disk in disks)
            prepared.Add(await disk.PrepareMomentAsync(
                talks[disk.Monitor], replica, MakeOverlay, EmptyFolder, ct));
        var at = await FixAsync(talks, prepared, ct);
        var volumes = new List<MomentVolume>();
        var gaps = new List<GapMap>();
        foreach (var part in prepared)
        {
            var gap = await part.Tap.FinishMomentAsync(talks[part.Tap.Monitor], part, ct);
            var reader = new MomentReader(part.Tap, gap, MakeRoomAsync, time, _reading.Token);
            _readers.Add(reader);
            gaps.Add(gap);
            volumes.Add(new MomentVolume(part.Tap.Volume.Index, part.SizeBytes, gap, reader));
        }
        var moment = new QmpMoment(this, at, volumes, prepared, gaps);
        moment.Watching = WatchOverlaysAsync(prepared, _reading);
        return moment;
    }

    /// <returns>The moment: what was acknowledged before is in the images, nothing that was asked for after.</returns>
    private async Task<DateTimeOffset> FixAsync(ImmutableDictionary<QemuMonitor, QmpClient> talks,
        List<PreparedMoment> prepared, CancellationToken ct)
    {
        if (prepared.Count == 1)
        {
            var at = time.GetUtcNow();
            await prepared[0].Tap.FixMomentAsync(talks[prepared[0].Tap.Monitor], prepared[0], ct);
            return at;
        }
        // A pause flushes what QEMU and the host have of its disks: most of that is done before it.
        await Task.WhenAll(talks.Values.Select(qmp => ImageFiles.FlushAsync(qmp, FlushLimit, time, ct)));
        await using var pause = new InstancePause(talks.Values, watched, PauseLimit, time);
        await pause.BeginAsync(ct);
        var moment = time.GetUtcNow();
        await Task.WhenAll(prepared.GroupBy(p => p.Tap.Monitor).Select(async parts =>
        {
            foreach (var part in parts) await part.Tap.FixMomentAsync(talks[parts.Key], part, CancellationToken.None);
        }));
        await pause.EndAsync();
        if (pause.Paused > 0) LogPaused(pause.Paused, pause.Length.TotalMilliseconds, prepared.Count);
        return moment;
    }

    private async Task WatchOverlaysAsync(List<PreparedMoment> parts, CancellationTokenSource reading)
    {
        try
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromSeconds(1), time, reading.Token);
                var bytes = 0L;
                foreach (var part in parts)
                    bytes += await part.Tap.Monitor.TalkAsync(
                        qmp => part.Tap.OverlayBytesAsync(qmp, part, reading.Token), reading.Token);
                if (bytes <= overlayBytesMax) continue;
                LogOverlayFull(bytes, overlayBytesMax);
                await reading.CancelAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // The moment is over.
        }
        catch (TapException e)
        {
            // Nobody to ask. Its disk full, QEMU breaks the image by itself.
            LogOverlayUnwatched(e.Message);
        }
    }

    // Of a size as the disk, without a byte of it stored.
    private string MakeOverlay(string name, long sizeBytes)
    {
        try
        {
            Directory.CreateDirectory(places.Overlays);
            var path = Path.Combine(places.Overlays, name);
            using var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
            RandomAccess.SetLength(file, sizeBytes);
            return path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TapException(
                TapFault.Refused, $"no room for what is overwritten during a moment: {e.Message}", e);
        }
    }

    // A killed agent's, if QEMU had not opened them yet.
    private void EmptyFolder()
    {
        try
        {
            if (!Directory.Exists(places.Overlays)) return;
            foreach (var file in Directory.EnumerateFiles(places.Overlays)) File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TapException(TapFault.Refused, $"{places.Overlays} cannot be emptied: {e.Message}", e);
        }
    }

    private async Task MakeRoomAsync(MomentReader next)
    {
        foreach (var reader in _readers)
            if (reader != next) await reader.DisposeAsync();
    }

    private void NoteLeft(RestLeft left) => _left = left;

    private async Task EndReadingAsync()
    {
        await _reading.CancelAsync();
        foreach (var reader in _readers) await reader.DisposeAsync();
        _readers = [];
        if (_rest is { } rest) await rest.DisposeAsync();
        _rest = null;
        _reading = new CancellationTokenSource();
    }

    private async Task TryEndAsync(QmpDiskTap disk, QmpClient qmp)
    {
        try
        {
            await disk.EndMomentAsync(qmp, CancellationToken.None);
        }
        catch (Exception e) when (e is QmpException or TapException)
        {
            LogNotCleaned(disk.Volume.Name, e.Message); // the next moment begins with it
        }
    }

    // One conversation inside the other, always in the same order.
    private Task<T> TalkToAllAsync<T>(
        Func<ImmutableDictionary<QemuMonitor, QmpClient>, Task<T>> talk, CancellationToken ct)
    {
        return NextAsync(ImmutableDictionary<QemuMonitor, QmpClient>.Empty);

        Task<T> NextAsync(ImmutableDictionary<QemuMonitor, QmpClient> open)
        {
            if (open.Count == _monitors.Count) return talk(open);
            var monitor = _monitors[open.Count];
            return monitor.RearrangeAsync(qmp => NextAsync(open.Add(monitor, qmp)), waits: false, ct);
        }
    }

    private sealed class QmpMoment(QmpMomentTap tap, DateTimeOffset at, IReadOnlyList<MomentVolume> volumes,
        List<PreparedMoment> parts, List<GapMap> gaps) : IMoment
    {
        public DateTimeOffset At => at;
        public IReadOnlyList<MomentVolume> Volumes => volumes;
        public Task Watching { get; set; } = Task.CompletedTask;

        public async Task CloseAsync(CancellationToken ct)
        {
            await tap.DetachAsync(ct);
            await Watching;
        }

        public async Task ForgetAsync(CancellationToken ct)
        {
            foreach (var (part, gap) in parts.Zip(gaps))
                await part.Tap.Monitor.TalkAsync(qmp => part.Tap.ForgetMomentAsync(qmp, part, gap, ct), ct);
        }
    }

    [LoggerMessage(EventIds.InstancesPaused, LogLevel.Information,
        "Paused {Instances} instances for {Milliseconds:0.0} ms to fix a moment over {Disks} disks")]
    private partial void LogPaused(int instances, double milliseconds, int disks);

    [LoggerMessage(EventIds.OverlayFull, LogLevel.Warning,
        "What was overwritten in a moment takes {Bytes} bytes, more than the {Limit} it may: the moment is given up")]
    private partial void LogOverlayFull(long bytes, long limit);

    [LoggerMessage(EventIds.OverlayUnwatched, LogLevel.Warning, "The overlays of a moment are not watched: {Reason}")]
    private partial void LogOverlayUnwatched(string reason);

    [LoggerMessage(EventIds.MomentNotCleaned, LogLevel.Warning,
        "What a moment of {Volume} needed could not be removed yet: {Reason}")]
    private partial void LogNotCleaned(string volume, string reason);
}
