// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication;

/// <summary>
/// Ways to break the engine on purpose, so that tests can show that their checkers would notice. Only tests can make
/// one; the shipped engine runs with <see cref="None"/>.
/// </summary>
internal sealed record EngineFlaws
{
    public static readonly EngineFlaws None = new();

    /// <summary>Every n-th captured write is acknowledged without being taken into the stream; 0: never.</summary>
    public int AckBeforeReceiveEvery { get; init; }
    /// <summary>The receiver acknowledges what it has not flushed.</summary>
    public bool SealBeforeDurable { get; init; }
    /// <summary>The receiver swaps the contents of neighbouring writes before they are journalled.</summary>
    public bool ApplyOutOfOrder { get; init; }
    /// <summary>What waits for a confirmation goes to the log too, and so can be withdrawn no more.</summary>
    public bool SpillUnconfirmed { get; init; }
    /// <summary>Neighbouring writes change places on their way to the log.</summary>
    public bool LogOutOfOrder { get; init; }
    /// <summary>The receiver takes frames of an older epoch.</summary>
    public bool AcceptOldEpoch { get; init; }
    /// <summary>The receiver takes a source in that was moved to another agent since.</summary>
    public bool AcceptOldAgent { get; init; }
    /// <summary>
    /// Change maps are dropped before the batch that holds their extents is durable, and are said to begin where its
    /// stream does: else who has not all of it would be compared, and nothing be lost.
    /// </summary>
    public bool ForgetGapEarly { get; init; }
    /// <summary>Pulled bytes go over what the guest has written since the attach.</summary>
    public bool PullOverWrites { get; init; }
    /// <summary>Checkpoints count without a look at the mirrors after the cut.</summary>
    public bool ConfirmBlindly { get; init; }
    /// <summary>A lost mirror opens no batch: points go on over the gap.</summary>
    public bool LoseSilently { get; init; }
    /// <summary>A source goes on with its stream whatever stream the replica says it is in.</summary>
    public bool FollowAnyStream { get; init; }
    /// <summary>Old change maps go before what they hold is durable.</summary>
    public bool RotateEarly { get; init; }
    /// <summary>A new session ships on from where the last one was, not from what is durable.</summary>
    public bool ReplayFromShipped { get; init; }
    /// <summary>A clean shutdown is cut although volumes are not whole.</summary>
    public bool CutUnwhole { get; init; }
    /// <summary>Change maps are trusted whatever the replica says it has.</summary>
    public bool TrustMaps { get; init; }
    /// <summary>A resync by change map sends the whole disk.</summary>
    public bool CopyAll { get; init; }
    /// <summary>Views and pins do not hold folding back.</summary>
    public bool FoldPastViews { get; init; }
    /// <summary>Folding moves the mark and leaves the base as it was.</summary>
    public bool FoldNothing { get; init; }
    /// <summary>The journal is trimmed up to its newest record, folded or not.</summary>
    public bool TrimUnfolded { get; init; }
    /// <summary>States inside a resync can be opened.</summary>
    public bool OpenAnywhere { get; init; }
}
