// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Journaling.Segments;
using Lifeboat.Protection;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Receiving;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// One life of an agent process: the shipped source and receiver over simulated disk, link and taps. It begins with
/// what the site was asked for and dies at any await.
/// </summary>
public sealed partial class SimulatedAgent
{
    private readonly SimulatedHost _host;
    private readonly SimulatedWorld _world;
    private readonly Prng _prng;
    private readonly WarmBudget _warm; // gone with the process

    internal SimulatedAgent(SimulatedHost host, SimulatedProcess process, Prng prng)
    {
        (_host, _world, Process, _prng) = (host, host.World, process, prng);
        _warm = new WarmBudget(_world.Climate.WarmRooms);
        _acceptor = new LinkAcceptor(LinkTimings.Default, process.Clock, NullLogger<LinkAcceptor>.Instance);
        _world.Say(process.Name, "starts");
        _world.Network.Listen(host.Address, host.Name, process, c => process.Start(() => AcceptAsync(c)));
        process.Start(BeginAsync);
    }

    public SimulatedProcess Process { get; }

    private async Task BeginAsync()
    {
        await OpenKeptAsync();
        if (_host.ReplicaWanted is not null) await OpenReplicaAsync();
        if (_host.SourceWanted is not null) await StartSourceAsync();
    }

    private static ProblemException Unready(string what) => new(ReasonCode.AgentUnreachable, what);
}
