// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Replication.Moments.Snapshots;

/// <summary>
/// A snapshot of ours: `lifeboat-REPLICA-N` with eight hex digits of the replica's id is what the next difference
/// begins with; with `-open` behind it, it is a moment that the recovery site is not known to have.
/// </summary>
internal readonly record struct SnapshotName(string Replica, long Number, bool Open)
{
    private const string Prefix = "lifeboat-";
    private const string OpenSuffix = "-open";
    private const int ReplicaDigits = 8;

    public static string KeyOf(Guid replica) => replica.ToString("n")[..ReplicaDigits];

    /// <summary>Null: it is somebody else's.</summary>
    public static SnapshotName? TryRead(string name)
    {
        if (!name.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        var rest = name.AsSpan()[Prefix.Length..];
        var open = rest.EndsWith(OpenSuffix, StringComparison.Ordinal);
        if (open) rest = rest[..^OpenSuffix.Length];
        if (rest.Length < ReplicaDigits + 2 || rest[ReplicaDigits] != '-') return null;
        var replica = rest[..ReplicaDigits];
        return !replica.ContainsAnyExcept("0123456789abcdef")
            && long.TryParse(rest[(ReplicaDigits + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var n)
            ? new SnapshotName(replica.ToString(), n, open) : null;
    }

    public override string ToString() =>
        Prefix + Replica + '-' + Number.ToString(CultureInfo.InvariantCulture) + (Open ? OpenSuffix : "");
}
