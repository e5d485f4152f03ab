// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Capture.Gateway;
using Lifeboat.Agent.Processes;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

/// <summary>One life of the mirror of a disk.</summary>
internal sealed class Attachment(CaptureConnection connection, string node, long number, Guid replica, GapMap gap)
{
    private readonly TaskCompletionSource<TapEnd> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public CaptureConnection Connection => connection;
    public string Node => node;
    public long Number => number;
    public Guid Replica => replica;
    public GapMap Gap => gap;
    public ProcessIdentity? Qemu { get; init; }
    public Task<TapEnd> Ended => _ended.Task;
    public Task Watching { get; set; } = Task.CompletedTask;

    /// <summary>The first reason stays.</summary>
    public bool EndAs(TapEnd end) => _ended.TrySetResult(end);

    /// <summary>What the batch of this attachment makes superfluous.</summary>
    public bool IsGap(string map) => map == gap.BitmapName || map == TapNames.WholeMarker(replica);
}
