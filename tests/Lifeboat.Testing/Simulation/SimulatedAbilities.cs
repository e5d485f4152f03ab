// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;

namespace Lifeboat.Testing.Simulation;

/// <summary>What the simulated site's driver can do beyond starting and stopping.</summary>
internal sealed class SimulatedAbilities(SimulatedHost host) : IMakesBubbles, IMovesToNative, IProbesGuests
{
    private readonly SortedSet<string> _bubbles = new(StringComparer.Ordinal);

    public async Task CreateBubbleAsync(string bubble, IReadOnlyList<InstanceDescription> members,
        CancellationToken ct)
    {
        await host.PauseAsync(20_000, ct);
        _bubbles.Add(bubble);
    }

    public Task<string> OpenWayInAsync(string bubble, string instance, int port, string from,
        CancellationToken ct) => Task.FromResult($"{bubble}/{instance}:{port}");

    public async Task DeleteBubbleAsync(string bubble, CancellationToken ct)
    {
        await host.PauseAsync(20_000, ct);
        _bubbles.Remove(bubble);
    }

    public async Task<IReadOnlyList<string>> TracesAsync(string bubble, CancellationToken ct)
    {
        await host.PauseAsync(20_000, ct);
        var traces = new List<string>();
        if (_bubbles.Contains(bubble)) traces.Add($"bubble {bubble}");
        traces.AddRange(host.Copies.Where(c => c.StartsWith(bubble, StringComparison.Ordinal)));
        return traces;
    }

    public async Task MoveToNativeAsync(string instance, IProgress<double> progress, CancellationToken ct)
    {
        for (var i = 1; i <= 4; i++)
        {
            await host.PauseAsync(200_000, ct);
            progress.Report(i / 4.0);
        }
        host.OnView = false;
    }

    public async Task<bool> AgentAnswersAsync(string instance, CancellationToken ct)
    {
        await host.PauseAsync(5_000, ct);
        return host.Copies.Contains(instance) || host.Instance is { Running: true };
    }

    public Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> AddressesAsync(string instance,
        CancellationToken ct) => Task.FromResult<IReadOnlyDictionary<string, IReadOnlyList<string>>>(
            new Dictionary<string, IReadOnlyList<string>>());

    public Task<bool> TcpAnswersAsync(string instance, int port, CancellationToken ct) => Task.FromResult(true);

    public Task<GuestCommandResult> RunInGuestAsync(string instance, IReadOnlyList<string> command, TimeSpan limit,
        CancellationToken ct) => Task.FromResult(new GuestCommandResult(0, ""));
}
