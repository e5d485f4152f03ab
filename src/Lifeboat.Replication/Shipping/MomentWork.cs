// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Checkpoints;
using Lifeboat.Replication.Moments;

namespace Lifeboat.Replication.Shipping;

/// <summary>Somebody wants a moment now, and a point of it.</summary>
/// <param name="Confirm">Called once it is fixed: whether the instances were still quiet then.</param>
internal sealed record MomentAsk(IReadOnlyDictionary<string, Consistency> Quiesced, string? Label, QuiesceNote Note,
    Func<Task<bool>> Confirm)
{
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<CheckpointOutcome> _outcome =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Consistency Consistency => Quiesced.Count == 0 ? Consistency.Crash : Quiesced.Values.Min();
    /// <summary>Completes when somebody is at it.</summary>
    public Task Begun => _begun.Task;
    /// <summary>Completes when its point is cut, or is known not to be.</summary>
    public Task<CheckpointOutcome> Outcome => _outcome.Task;

    public void Begin() => _begun.TrySetResult();

    public void Answer(CheckpointOutcome outcome)
    {
        _begun.TrySetResult();
        _outcome.TrySetResult(outcome);
    }

    public void Fail(ReasonCode reason, string? detail) =>
        Answer(new CheckpointOutcome(null, TimeSpan.Zero, reason, detail));
}

/// <summary>A moment on its way into a stream. Changed by the loop of moments alone.</summary>
/// <param name="rest">Mark of the rest that it was taken at; null: instances ran, or nobody asked.</param>
internal sealed class MomentWork(IMoment moment, CaptureStream stream, MomentAsk? ask, string? rest)
{
    public string? Rest => rest;
    public IMoment Moment => moment;
    public CaptureStream Stream => stream;
    public MomentAsk? Ask => ask;
    /// <summary>Its point; null: its batch is open.</summary>
    public RecoveryPoint? Point { get; set; }
}
