// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Sites.OpenStack.Standing;

/// <summary>
/// What a volume holds, as its metadata says: each byte is as the replica had it at some sequence from
/// <see cref="Low"/> to <see cref="High"/>. So it differs from any of these states only where records between the two
/// touch; and it is at a point when they are the same.
/// </summary>
// Invariant: it is widened before the first byte of another state is written, and narrowed when all are durable.
internal sealed record Holding(Guid Replica, long Low, long High)
{
    /// <summary>Metadata: what its value says, or one of the words.</summary>
    public const string Key = "lifeboat-standing-holds";
    /// <summary>It was never written to, and reads as zeros.</summary>
    public const string Nothing = "nothing";
    public const string Unknown = "unknown";

    /// <summary>Null: not known.</summary>
    public static Holding? Parse(string? value)
    {
        var parts = value?.Split(' ') ?? [];
        return parts.Length == 3 && Guid.TryParseExact(parts[0], "n", out var replica)
            && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var low)
            && long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var high)
            && low <= high ? new Holding(replica, low, high) : null;
    }

    public static Holding At(ViewPoint point) => new(point.Replica, point.Sequence, point.Sequence);

    /// <summary>What it holds while it is brought to a point of the same replica.</summary>
    public Holding Toward(long sequence) =>
        this with { Low = Math.Min(Low, sequence), High = Math.Max(High, sequence) };

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Replica:n} {Low} {High}");
}
