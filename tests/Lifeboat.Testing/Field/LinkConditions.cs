// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Field;

/// <summary>How a <see cref="LinkProxy"/> treats what passes it. Two directions: towards the target and back.</summary>
public sealed record LinkConditions
{
    public static readonly LinkConditions Good = new();
    public static readonly LinkConditions Down = new() { Cut = true };

    /// <summary>Open connections are reset, new ones too.</summary>
    public bool Cut { get; init; }
    /// <summary>Per direction, over all connections; null: no limit.</summary>
    public long? BytesPerSecond { get; init; }
    /// <summary>Per direction.</summary>
    public TimeSpan Delay { get; init; }
    /// <summary>
    /// Nothing goes towards the target, or back, and nobody is told: the other way stays open. What was swallowed
    /// comes through if the connection lives until this ends, as after retransmission.
    /// </summary>
    public bool SilentForth { get; init; }
    public bool SilentBack { get; init; }
}
