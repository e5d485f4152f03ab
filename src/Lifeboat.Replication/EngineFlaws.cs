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
    /// <summary>The receiver takes frames of an older epoch.</summary>
    public bool AcceptOldEpoch { get; init; }
}
