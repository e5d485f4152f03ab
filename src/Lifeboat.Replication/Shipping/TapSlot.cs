// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Resync;

namespace Lifeboat.Replication.Shipping;

/// <summary>Somebody needs the disk without a mirror.</summary>
internal sealed record VolumeRelease(DateTimeOffset Until, string Why);

/// <summary>What a source knows of one volume's tap. Changed by the tending loop alone, but for the text.</summary>
internal sealed class TapSlot(SourceDisk disk, Backoff backoff)
{
    private volatile string? _detail;

    public SourceDisk Disk => disk;
    /// <summary>Of a disk whose writes are captured.</summary>
    public IDiskTap Tap => disk.Tap ?? throw new InvalidOperationException($"{disk.Name} is read in moments");
    /// <summary>As the disk was when it was last attached.</summary>
    public long SizeBytes { get; set; } = disk.SizeBytes;
    public Backoff Backoff => backoff;

    /// <summary>The last attach in the present stream; null before the first.</summary>
    public VolumeSink? Sink { get; set; }
    /// <summary>Brings the gap of the last attach; null once it is in the stream.</summary>
    public GapPull? Pull { get; set; }
    /// <summary>Its gap is in the open batch: to be forgotten once that is durable, and not otherwise.</summary>
    public bool Pulled { get; set; }
    /// <summary>When to forget its gap, which is durable, once more; null: nothing of it is left.</summary>
    public long? ForgetAt { get; set; }
    /// <summary>What the recovery site has lost: the next pull brings it too, until its batch is durable.</summary>
    public IReadOnlyList<GapExtent> Lost { get; set; } = [];
    /// <summary>Its change map says not all that the recovery site lacks, until a compare of it is durable.</summary>
    public bool Compare { get; set; }
    /// <summary>Completes when the end of the last mirror has been taken note of.</summary>
    public Task Ending { get; set; } = Task.CompletedTask;
    /// <summary>Timestamp before which the next attach is not tried.</summary>
    public long RetryAt { get; set; }
    /// <summary>Captured bytes when the change map was last rotated.</summary>
    public long RotatedAtBytes { get; set; }

    /// <summary>Attaching and detaching take turns: a volume may be released at any time.</summary>
    public Turnstile Gate { get; } = new();
    /// <summary>It is not captured on purpose until then; null: it is to be.</summary>
    public VolumeRelease? Release { get; set; }
    /// <summary>Since when attaches have found no such disk; null: the last one did not say so.</summary>
    public DateTimeOffset? MissingSince { get; set; }

    /// <summary>Why the last attach failed.</summary>
    public TapFault Fault { get; set; } = TapFault.InstanceGone;

    public string? Detail
    {
        get => _detail;
        set => _detail = value;
    }

    public void BeginStream()
    {
        MissingSince = null;
        Sink = null;
        Pull = null;
        Pulled = false;
        ForgetAt = null;
        Lost = [];
        RetryAt = 0;
        RotatedAtBytes = 0;
    }
}
