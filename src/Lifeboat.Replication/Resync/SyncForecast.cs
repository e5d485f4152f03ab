// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Replication.Resync;

/// <summary>How it is known what a sync has to move; numbers as in the agent's contract.</summary>
public enum ForecastBasis
{
    /// <summary>Nothing has been compared or read yet that it could be told from.</summary>
    Unknown = 0,
    /// <summary>
    /// What the change map marks, what is stored, what the outbox holds: not more than that. Comparing may find less.
    /// </summary>
    Counted = 1,
    /// <summary>From what was found so far, as if the rest were like it.</summary>
    Extrapolated = 2,
}

/// <summary>What a sync that is under way has done and has yet to do.</summary>
/// <param name="ToMoveBytes">Payload from its beginning to its end, moved ones too; null: it cannot be told.</param>
/// <param name="ToCompareBytes">Of volumes that are compared by digests, all; 0: nothing is compared.</param>
/// <param name="BytesPerSecond">Payload, measured; null: not long enough under way.</param>
/// <param name="Left">At the pace measured, or at the link's cap while none is; null: it cannot be told.</param>
public sealed record SyncForecast(SyncKind Kind, DateTimeOffset Since, ForecastBasis Basis, long? ToMoveBytes,
    long MovedBytes, long ToCompareBytes, long ComparedBytes, double? BytesPerSecond, TimeSpan? Left)
{
    /// <param name="parts">One for each volume, or one for an outbox that is sent.</param>
    /// <param name="moved">Payload of them, and of attaches before them.</param>
    /// <param name="waiting">Moved, but still in the outbox.</param>
    /// <param name="movedPerSecond">Measured; null: not yet.</param>
    /// <param name="passedPerSecond">Bytes of volumes that a compare is past, measured.</param>
    /// <param name="cap">Bytes a second that the link may carry; null: no cap.</param>
    public static SyncForecast Of(SyncKind kind, DateTimeOffset since, IReadOnlyCollection<SyncPart> parts,
        long moved, long waiting, double? movedPerSecond, double? passedPerSecond, long? cap)
    {
        var rests = parts.Select(RestOf).ToList();
        var known = rests.TrueForAll(r => r.Bytes is not null);
        var rest = rests.Sum(r => r.Bytes ?? 0);
        var compared = parts.Where(p => p.Kind == SyncKind.HashCompare).ToList();
        var (toCompare, past) = (compared.Sum(p => p.SizeBytes), compared.Sum(p => p.Passed));
        // A compare goes at the pace of both: reading and what it finds. The others have only to move.
        var plain = parts.Zip(rests).Where(p => p.First.Kind != SyncKind.HashCompare).Select(p => p.Second.Bytes);
        var pace = movedPerSecond ?? cap;
        var left = plain.Any(b => b is null) ? null
            : Pace.For(plain.Sum(b => b ?? 0) + (pace is null ? 0 : waiting), pace)
                + Pace.For(toCompare - past, passedPerSecond);
        return new SyncForecast(kind, since,
            !known ? ForecastBasis.Unknown : rests.Exists(r => r.Extrapolated) ? ForecastBasis.Extrapolated
                : ForecastBasis.Counted,
            known ? moved + rest : null, moved, toCompare, past, movedPerSecond, left);
    }

    // What is not moved yet of a volume.
    private static (long? Bytes, bool Extrapolated) RestOf(SyncPart part)
    {
        if (part.Passed >= part.SizeBytes) return (0, false);
        if (part.Kind != SyncKind.HashCompare && part.Expected is { } expected)
            return (Math.Max(0, expected - Math.Max(part.Examined, part.Moved)), false);
        return part.Passed == 0 ? (null, true)
            : ((long)((double)part.Moved / part.Passed * (part.SizeBytes - part.Passed)), true);
    }
}

/// <summary>One volume of a sync, as far as it is.</summary>
/// <param name="Expected">Bytes that the change map marks or that are stored; null: not known.</param>
/// <param name="Passed">The pull is past so many bytes of the volume.</param>
/// <param name="Examined">Bytes read from the disk.</param>
public readonly record struct SyncPart(
    SyncKind Kind, long SizeBytes, long? Expected, long Passed, long Moved, long Examined);
