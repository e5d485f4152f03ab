// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Shipping;

// What the platform wants of a disk comes first: QEMU resizes no disk, takes no snapshot of one and migrates none while
// a job uses it. So a volume is released for a while, the change map remembers, and capture comes back by itself, when
// it is told to or when the time is up, whichever is first.
public sealed partial class GroupSource
{
    /// <summary>Lets go of one volume. When it returns no job, node or export of ours is on its disk.</summary>
    /// <param name="length">Capture comes back after it at the latest.</param>
    /// <exception cref="Capture.TapException">It could not be let go of; nothing holds then.</exception>
    public async Task ReleaseAsync(string volume, TimeSpan length, string why, CancellationToken ct)
    {
        var slot = SlotOf(volume);
        if (_moments is not null)
        {
            await ReleaseFromMomentsAsync(slot, length, why, ct);
            return;
        }
        await slot.Gate.EnterAsync(ct);
        try
        {
            slot.Release = new VolumeRelease(_time.GetUtcNow() + length, why);
            slot.Detail = $"released: {why}";
            if (_stream is { } stream && slot.Sink is { } sink) stream.MarkLost(sink);
            await slot.Tap.DetachAsync(ct);
            LogReleased(_options.Group, volume, slot.Release.Until, why);
        }
        catch
        {
            slot.Release = null;
            throw;
        }
        finally
        {
            slot.Gate.Leave();
            _stream?.ToTend.Set();
        }
    }

    /// <summary>Ends a release; one that is over is none.</summary>
    public void Recapture(string volume)
    {
        var slot = SlotOf(volume);
        slot.Release = null;
        slot.RetryAt = 0;
        _stream?.ToTend.Set();
        _momentWanted.Set();
    }

    /// <exception cref="ArgumentException">No such volume.</exception>
    private TapSlot SlotOf(string volume) => Array.Find(_slots, s => s.Disk.Name == volume)
        ?? throw new ArgumentException($"no volume {volume} in group {_options.Group}", nameof(volume));

    private bool IsReleased(TapSlot slot)
    {
        if (slot.Release is not { } release) return false;
        if (_time.GetUtcNow() < release.Until) return true;
        slot.Release = null;
        return false;
    }

    [LoggerMessage(ReplicationEvents.VolumeReleased, LogLevel.Information,
        "Volume {Volume} of {Group} is released until {Until}: {Why}")]
    private partial void LogReleased(string group, string volume, DateTimeOffset until, string why);
}
