// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Recovery.Names;

namespace Lifeboat.Testing.Recovery;

/// <summary>Name servers in memory: the world's, so that two sites may have the same ones.</summary>
public sealed class NameServersDouble : INameServers
{
    private readonly Dictionary<string, NameOrder> _names = new(StringComparer.Ordinal);

    /// <summary>Why they do not do it, by name; they may do it later when the text begins with `later`.</summary>
    public Dictionary<string, string> Refuses { get; } = new(StringComparer.Ordinal);
    /// <summary>Updates that changed something.</summary>
    public int Changes { get; private set; }
    public int Asked { get; private set; }

    /// <summary>Where a name leads; empty: nowhere.</summary>
    public IReadOnlyList<string> AddressesOf(string name) =>
        _names.TryGetValue(name, out var order) ? order.Addresses : [];

    public Task<string?> ProblemAsync(string group, string name, CancellationToken ct) =>
        Task.FromResult(Refuses.TryGetValue(name, out var why) ? $"{name}: {why}" : null);

    public Task<NameOutcome> LeadAsync(NameOrder order, CancellationToken ct)
    {
        Asked++;
        if (Refuses.TryGetValue(order.Name, out var why))
            return Task.FromResult(NameOutcome.Failed($"{order.Name}: {why}",
                why.StartsWith("later", StringComparison.Ordinal)));
        var same = _names.TryGetValue(order.Name, out var had) && had.Addresses.SequenceEqual(order.Addresses)
            && had.Ttl == order.Ttl;
        if (!same) Changes++;
        _names[order.Name] = order;
        return Task.FromResult(new NameOutcome(
            [$"{order.Name} leads to {string.Join(", ", order.Addresses)}"], null, MayPass: false));
    }
}
