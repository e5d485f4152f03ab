// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Recovery;

/// <summary>Which agent is behind which link address, and who is cut off.</summary>
public sealed class AgentNetwork
{
    private readonly Dictionary<string, AgentDouble> _byAddress = new(StringComparer.Ordinal);

    public ISet<string> Down { get; } = new HashSet<string>(StringComparer.Ordinal);

    public void Attach(string address, AgentDouble agent) => _byAddress[address] = agent;

    /// <summary>Null: nobody is reached there.</summary>
    public AgentDouble? At(string address, string from) =>
        _byAddress.TryGetValue(address, out var agent) && !Down.Contains(agent.Site) && !Down.Contains(from)
            ? agent : null;
}
