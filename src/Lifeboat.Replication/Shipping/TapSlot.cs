// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Resync;

namespace Lifeboat.Replication.Shipping;

/// <summary>What a source knows of one volume's tap. Changed by the tending loop alone, but for the text.</summary>
internal sealed class TapSlot(SourceDisk disk, Backoff backoff)
{
    private volatile string? _detail;

    public SourceDisk Disk => disk;
    public IDiskTap Tap => disk.Tap;
    public Backoff Backoff => backoff;

    /// <summary>The last attach in the present stream; null before the first.</summary>
    public VolumeSink? Sink { get; set; }
    /// <summary>Brings the gap of the last attach; null once it is in the stream.</summary>
    public GapPull? Pull { get; set; }
    /// <summary>Its gap is in the open batch: to be forgotten once that is durable, and not otherwise.</summary>
    public bool Pulled { get; set; }
    /// <summary>What the recovery site has lost: the next pull brings it too, until its batch is durable.</summary>
    public IReadOnlyList<GapExtent> Lost { get; set; } = [];
    /// <summary>Completes when the end of the last mirror has been taken note of.</summary>
    public Task Ending { get; set; } = Task.CompletedTask;
    /// <summary>Timestamp before which the next attach is not tried.</summary>
    public long RetryAt { get; set; }
    /// <summary>Captured bytes when the change map was last rotated.</summary>
    public long RotatedAtBytes { get; set; }

    /// <summary>Why the last attach failed.</summary>
    public TapFault Fault { get; set; } = TapFault.InstanceGone;

    public string? Detail
    {
        get => _detail;
        set => _detail = value;
    }

    public void BeginStream()
    {
        Sink = null;
        Pull = null;
        Pulled = false;
        Lost = [];
        RetryAt = 0;
        RotatedAtBytes = 0;
    }
}
