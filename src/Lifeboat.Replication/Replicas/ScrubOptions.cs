// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Replicas;

public sealed record ScrubOptions
{
    public static readonly ScrubOptions Default = new();

    /// <summary>Read at most this much, so that it is not noticed.</summary>
    public long BytesPerSecond { get; init; } = 16L << 20;
    /// <summary>The same for a pass that somebody asked for.</summary>
    public long AskedBytesPerSecond { get; init; } = 256L << 20;
    /// <summary>From the end of one pass to the beginning of the next.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromDays(7);
    /// <summary>Before the first pass of a replica that never had one.</summary>
    public TimeSpan FirstAfter { get; init; } = TimeSpan.FromMinutes(1);
    /// <summary>After a failure to read.</summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromMinutes(1);

    public IEnumerable<string> Problems()
    {
        if (BytesPerSecond < 64 << 10) yield return $"scrub.bytesPerSecond is {BytesPerSecond}; the least is 64 KiB";
        if (AskedBytesPerSecond < BytesPerSecond)
            yield return $"scrub.askedBytesPerSecond is {AskedBytesPerSecond}, less than bytesPerSecond";
        if (Every <= TimeSpan.Zero) yield return "scrub.every must be positive";
        if (FirstAfter <= TimeSpan.Zero) yield return "scrub.firstAfter must be positive";
        if (RetryAfter <= TimeSpan.Zero) yield return "scrub.retryAfter must be positive";
    }
}
