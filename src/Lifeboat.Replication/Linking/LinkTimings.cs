// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking;

/// <summary>
/// How a session notices a dead peer. Both ends send something at least every <see cref="PingInterval"/>.
/// </summary>
public sealed record LinkTimings
{
    public static readonly LinkTimings Default = new();

    public TimeSpan PingInterval { get; init; } = TimeSpan.FromSeconds(1);
    /// <summary>Nothing heard for this long: the session is over.</summary>
    public TimeSpan DeadAfter { get; init; } = TimeSpan.FromSeconds(5);
    /// <summary>Limit for connecting and for the first two messages.</summary>
    public TimeSpan HelloLimit { get; init; } = TimeSpan.FromSeconds(5);

    public IEnumerable<string> Problems()
    {
        if (PingInterval <= TimeSpan.Zero) yield return "link.pingInterval must be positive";
        if (DeadAfter < 2 * PingInterval) yield return "link.deadAfter must be at least twice the ping interval";
        if (HelloLimit <= TimeSpan.Zero) yield return "link.helloLimit must be positive";
    }
}
