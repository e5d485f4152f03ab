// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Sites.OpenStack.Http;

internal readonly record struct Microversion(int Major, int Minor) : IComparable<Microversion>
{
    public static Microversion? Parse(string? text)
    {
        var parts = (text ?? "").TrimStart('v').Split('.');
        return parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var minor)
            ? new Microversion(major, minor) : null;
    }

    public int CompareTo(Microversion other) =>
        Major != other.Major ? Major.CompareTo(other.Major) : Minor.CompareTo(other.Minor);

    public static bool operator <(Microversion a, Microversion b) => a.CompareTo(b) < 0;
    public static bool operator >(Microversion a, Microversion b) => a.CompareTo(b) > 0;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Major}.{Minor}");
}

/// <summary>The microversions of a service that our requests and records were written for.</summary>
/// <param name="Header">Its name in `OpenStack-API-Version`.</param>
/// <param name="Oldest">With less than this something is missing that we cannot do without.</param>
/// <param name="Newest">The newest that was read in the reference and tried; a newer cloud is asked for it.</param>
internal sealed record MicroversionNeed(string Header, Microversion Oldest, Microversion Newest)
{
    /// <summary>The newest that both sides know.</summary>
    /// <returns>Null: there is none.</returns>
    public Microversion? Choose(Microversion cloudOldest, Microversion cloudNewest)
    {
        var best = cloudNewest < Newest ? cloudNewest : Newest;
        return best < Oldest || best < cloudOldest ? null : best;
    }

    /// <summary>What to tell when <see cref="Choose"/> found none.</summary>
    public string Problem(CloudApi service, Microversion cloudOldest, Microversion cloudNewest) =>
        cloudNewest < Oldest
            ? $"{service.Name} is too old: it has {Header} API {cloudOldest} to {cloudNewest}, {Oldest} is needed "
                + "(OpenStack Train, 2019)"
            : $"{service.Name} is too new: it has {Header} API {cloudOldest} to {cloudNewest}, and {Newest} is the "
                + "newest that this release of Lifeboat speaks";
}
