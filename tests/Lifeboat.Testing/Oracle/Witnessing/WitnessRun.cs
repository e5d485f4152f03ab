// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

/// <param name="At">When the witness heard of it.</param>
/// <param name="Mark">A record put by a freeze.</param>
public readonly record struct WitnessAck(long N, DateTimeOffset At, long GuestMs, bool Mark);

/// <summary>
/// What the witness knows of one boot of one guest: a snapshot. Acknowledgements are cumulative and rise in number.
/// </summary>
/// <param name="LastAtBoot">Newest record the guest found on its disks when it started.</param>
/// <param name="Stopped">When it ended cleanly; null: it runs, or it was lost.</param>
public sealed record WitnessRun(
    string Guest, ulong Set, ulong Run, long Generation, long LastAtBoot, DateTimeOffset BootedAt,
    DateTimeOffset? Stopped, IReadOnlyList<WitnessAck> Acks)
{
    /// <summary>The newest acknowledgement, or the newest before a moment.</summary>
    public WitnessAck? LastAcked(DateTimeOffset? before = null)
    {
        if (before is null) return Acks.Count == 0 ? null : Acks[^1];
        var at = FirstIndex(ack => ack.At >= before);
        return at == 0 ? null : Acks[at - 1];
    }

    /// <summary>When record n was known to be durable: the first acknowledgement of n or of a later one.</summary>
    public DateTimeOffset? AckedAt(long n)
    {
        var at = FirstIndex(ack => ack.N >= n);
        return at == Acks.Count ? null : Acks[at].At;
    }

    public IEnumerable<WitnessAck> AcksSince(DateTimeOffset from) => Acks.Skip(FirstIndex(ack => ack.At >= from));

    // The predicate turns from false to true once along the list: numbers and times both rise.
    private int FirstIndex(Func<WitnessAck, bool> reached)
    {
        int low = 0, high = Acks.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (reached(Acks[middle])) high = middle;
            else low = middle + 1;
        }
        return low;
    }
}
