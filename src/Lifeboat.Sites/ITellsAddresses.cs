// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites;

/// <summary>Can tell under which addresses a running instance is reached from outside of its networks.</summary>
public interface ITellsAddresses
{
    /// <summary>
    /// Of one NIC: its floating address where it has one, else its own; of all NICs those of the first that has any.
    /// </summary>
    /// <param name="mac">Of the NIC, as described; null: any of them.</param>
    /// <returns>IPv4 and IPv6 addresses, the same ones in the same order each time; empty: it has none (yet).</returns>
    /// <exception cref="SiteException">InstanceUnknown; Refused: it has no such NIC.</exception>
    Task<IReadOnlyList<string>> AddressesOutsideAsync(string instance, string? mac, CancellationToken ct);
}
