// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Names;

/// <summary>
/// The name servers that a site may tell where names lead. Calls may be repeated: what is as it should be is left as it
/// is. Nothing but the records of the name that is asked for, and what leads back to it, is ever touched.
/// </summary>
public interface INameServers
{
    /// <summary>Looks whether the site could lead a name of this group elsewhere. Changes nothing.</summary>
    /// <returns>Null: it could; else why not.</returns>
    Task<string?> ProblemAsync(string group, string name, CancellationToken ct);

    /// <summary>Replaces all addresses (A, AAAA) of a name, in one step; then looks whether that holds.</summary>
    Task<NameOutcome> LeadAsync(NameOrder order, CancellationToken ct);
}

/// <param name="Group">Full name: whose name it is.</param>
/// <param name="Name">Lower case, without the last dot.</param>
/// <param name="Addresses">IPv4 and IPv6; at least one.</param>
/// <param name="Reverse">The addresses shall lead back to the name (PTR), where they lead to no other name.</param>
public sealed record NameOrder(string Group, string Name, IReadOnlyList<string> Addresses, TimeSpan Ttl, bool Reverse);

/// <param name="Evidence">What was found and done.</param>
/// <param name="Problem">Why the name, or an address, does not lead where it should; null: all does.</param>
/// <param name="MayPass">The problem may pass by itself: the server did not answer, or is not ready.</param>
public sealed record NameOutcome(IReadOnlyList<string> Evidence, string? Problem, bool MayPass)
{
    public static NameOutcome Failed(string problem, bool mayPass = false) => new([], problem, mayPass);
}
