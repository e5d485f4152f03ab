// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

/// <summary>The longest time without an acknowledged record.</summary>
/// <param name="Length">By the witness's clock, on arrival: includes its own lateness.</param>
/// <param name="GuestLength">
/// The longest gap by the guest's own clock between two acknowledgements of one run; free of the witness's lateness,
/// but a gap that reaches over the end of the window or over a reboot is not in it.
/// </param>
public sealed record WriteStall(TimeSpan Length, DateTimeOffset From, TimeSpan GuestLength)
{
    /// <summary>The edges count: no acknowledgement at all is a stall as long as the window.</summary>
    /// <param name="runs">All runs of one guest.</param>
    public static WriteStall Longest(IEnumerable<WitnessRun> runs, DateTimeOffset from, DateTimeOffset to)
    {
        var longest = new WriteStall(TimeSpan.Zero, from, TimeSpan.Zero);
        var guest = TimeSpan.Zero;
        var last = from;
        foreach (var run in runs.OrderBy(r => r.BootedAt))
        {
            long? lastMs = null;
            foreach (var ack in run.AcksSince(from).TakeWhile(a => a.At <= to))
            {
                if (ack.At - last > longest.Length) longest = longest with { Length = ack.At - last, From = last };
                if (lastMs is { } ms && ack.GuestMs - ms > guest.TotalMilliseconds)
                    guest = TimeSpan.FromMilliseconds(ack.GuestMs - ms);
                lastMs = ack.GuestMs;
                if (ack.At > last) last = ack.At;
            }
        }
        if (to - last > longest.Length) longest = longest with { Length = to - last, From = last };
        return longest with { GuestLength = guest };
    }
}
