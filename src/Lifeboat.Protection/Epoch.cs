// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Protection;

/// <summary>
/// The number that fences an old writer of a protection group. It rises by one whenever the primary role moves or is
/// claimed (failover, planned failover, reprotect). Every frame carries it; a receiver refuses frames of an older one.
/// </summary>
public readonly record struct Epoch(long Value) : IComparable<Epoch>
{
    public static readonly Epoch First = new(1);

    public Epoch Next() => new(Value + 1);
    public int CompareTo(Epoch other) => Value.CompareTo(other.Value);
    public static bool operator <(Epoch a, Epoch b) => a.Value < b.Value;
    public static bool operator >(Epoch a, Epoch b) => a.Value > b.Value;
    public static bool operator <=(Epoch a, Epoch b) => a.Value <= b.Value;
    public static bool operator >=(Epoch a, Epoch b) => a.Value >= b.Value;
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}
