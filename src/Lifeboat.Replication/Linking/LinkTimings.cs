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
    /// <summary>
    /// Of a link over several paths each says something that often, and one of which nothing is heard for so long is
    /// given up. Less than <see cref="DeadAfter"/>, so that the session outlives it.
    /// </summary>
    public TimeSpan PathPingInterval { get; init; } = TimeSpan.FromMilliseconds(500);
    public TimeSpan PathDeadAfter { get; init; } = TimeSpan.FromSeconds(3);
    /// <summary>Limit for connecting and for the first two messages.</summary>
    public TimeSpan HelloLimit { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// After a frame of less than 64 KiB, and after the last one for now, the next one waits this long, so that single
    /// writes travel together: a frame for each costs more than its capture does, and the recovery site a flush. Adds
    /// this much to the lag.
    /// </summary>
    public TimeSpan Gather { get; init; } = TimeSpan.FromMilliseconds(1);

    public IEnumerable<string> Problems()
    {
        if (Gather < TimeSpan.Zero) yield return "link.gather must not be negative";
        if (PingInterval <= TimeSpan.Zero) yield return "link.pingInterval must be positive";
        if (DeadAfter < 2 * PingInterval) yield return "link.deadAfter must be at least twice the ping interval";
        if (PathPingInterval <= TimeSpan.Zero) yield return "link.pathPingInterval must be positive";
        if (PathDeadAfter < 2 * PathPingInterval)
            yield return "link.pathDeadAfter must be at least twice the paths' ping interval";
        if (HelloLimit <= TimeSpan.Zero) yield return "link.helloLimit must be positive";
    }
}
