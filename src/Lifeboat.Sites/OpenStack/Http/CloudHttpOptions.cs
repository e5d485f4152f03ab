// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Http;

/// <summary>How patient we are with a cloud.</summary>
internal sealed record CloudHttpOptions
{
    public static readonly CloudHttpOptions Default = new();

    /// <summary>One attempt, from connecting to the last byte of the answer.</summary>
    public TimeSpan AttemptLimit { get; init; } = TimeSpan.FromSeconds(60);
    /// <summary>How often a request is repeated when that may help and cannot do harm.</summary>
    public int RepeatsMax { get; init; } = 4;
    /// <summary>Before the first repeat; doubled, with jitter, before each further one.</summary>
    public TimeSpan FirstPause { get; init; } = TimeSpan.FromMilliseconds(500);
    /// <summary>A service that asks for a longer pause (`Retry-After`) is not waited for.</summary>
    public TimeSpan PauseMax { get; init; } = TimeSpan.FromSeconds(30);
}
