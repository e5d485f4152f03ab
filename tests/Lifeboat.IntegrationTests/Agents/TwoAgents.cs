// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.IntegrationTests.Agents;

/// <summary>Two paired sites whose agents run inside the test's process.</summary>
public abstract class TwoAgents : IAsyncLifetime
{
    private protected AgentSite A { get; } = new("site-a");
    private protected AgentSite B { get; } = new("site-b");

    public async ValueTask InitializeAsync()
    {
        AgentSite.Pair(A, B);
        await A.StartAsync();
        await B.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await A.DisposeAsync();
        await B.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
