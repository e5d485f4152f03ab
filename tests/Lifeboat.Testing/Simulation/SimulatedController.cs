// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Recovery.Sides;
using Lifeboat.Recovery.Steps;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Testing.Simulation;

/// <summary>A controller process: the shipped runner over the simulated site. What it knows is in its run
/// store.</summary>
public sealed class SimulatedController
{
    private static readonly StepCatalog Steps = StepCatalog.Shipped();
    private readonly SimulatedHost _host;
    private readonly RemoteSide _peer;
    private readonly Runner _runner;

    internal SimulatedController(SimulatedHost host, SimulatedHost peer, SimulatedProcess process,
        SimulatedNetwork network, Prng prng)
    {
        (_host, Process) = (host, process);
        _peer = new RemoteSide(host, peer, network, prng);
        Side = new SimulatedSide(host, _peer);
        _runner = new Runner(host.Runs, Side, PeerOf, Steps, RunnerOptions.Default, prng.NextGuid, process.Clock,
            NullLogger<Runner>.Instance);
        process.Start(ResumeAsync);
    }

    public SimulatedProcess Process { get; }
    internal SimulatedSide Side { get; }

    /// <summary>Asks for a run and sees it through, as long as this process lives.</summary>
    /// <param name="resolution">Of a resolve.</param>
    /// <param name="point">The point to recover to; null: the newest.</param>
    public Task<Run> RunAsync(RunKind kind, string key, Resolution? resolution = null, Guid? point = null) =>
        Process.CallAsync(async () =>
    {
        var group = _host.Group ?? throw new SimulationException("no group");
        var protectedNow = kind is RunKind.Failback && await IsProtectedAsync(group.Epoch.Value);
        var input = RunInput.None with
        {
            IdempotencyKey = key,
            Resolution = resolution,
            PointId = point,
        };
        var run = await _runner.CreateAsync(kind, group, input, protectedNow, default);
        return await ExecuteOnceAsync(run.Id);
    });

    public Task<Run> RetryAsync(Guid id) => Process.CallAsync(async () =>
    {
        await _runner.RetryAsync(id, default);
        return await ExecuteOnceAsync(id);
    });

    private async Task ResumeAsync()
    {
        foreach (var run in await _host.Runs.UnfinishedAsync(default)) await ExecuteOnceAsync(run.Id);
    }

    private readonly Dictionary<Guid, Task<Run>> _executing = [];

    private Task<Run> ExecuteOnceAsync(Guid id)
    {
        if (_executing.TryGetValue(id, out var running) && !running.IsCompleted) return running;
        return _executing[id] = _runner.ExecuteAsync(id, default);
    }

    private async Task<bool> IsProtectedAsync(long epoch)
    {
        try
        {
            return await Side.ReplicaAsync(_host.Group!.Name, default) is { } replica && replica.Epoch.Value == epoch;
        }
        catch (ProblemException)
        {
            return false;
        }
    }

    private ISiteSide PeerOf(string site) =>
        site == _peer.Name ? _peer : throw new SimulationException($"no site {site}");
}
