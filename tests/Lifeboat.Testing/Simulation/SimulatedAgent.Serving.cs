// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Receiving;
using Lifeboat.Replication.Replicas;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Testing.Simulation;

// Links into the replica, and the folding behind it.
public sealed partial class SimulatedAgent
{
    private static readonly TimeSpan FoldEvery = TimeSpan.FromSeconds(1);
    private readonly LinkAcceptor _acceptor;
    private ReplicaReceiver? _receiver;

    private void Serve(Replica replica, WantedReplica wanted)
    {
        var options = new ReceiverOptions
        {
            PrimarySite = wanted.PrimarySite, Accepts = _world.Climate.Accepts, AppendBytes = 4 << 10,
        };
        var receiver = new ReplicaReceiver(replica, options, Process.Clock,
            NullLogger<ReplicaReceiver>.Instance, _world.Flaws);
        _receiver = receiver;
        _acceptor.Put(receiver);
        Process.Start(() => FoldAsync(replica, wanted));
        BeginScrubbing(replica);
    }

    private async Task StopServingAsync()
    {
        if (_receiver is not { } receiver) return;
        _receiver = null;
        _acceptor.Remove(receiver.Group);
        await receiver.StopAsync(default);
    }

    private async Task AcceptAsync(ILinkConnection connection)
    {
        var (replica, wanted) = (_replica, _opened);
        try
        {
            await _acceptor.ServeAsync(connection, default);
        }
        catch (StorageException e)
        {
            await ReopenAsync(replica, e);
        }
        catch (ReplicaException e) when (wanted is { HasDecayed: true } || _opened is { HasDecayed: true })
        {
            _world.Say(Process.Name, $"a session ended: {e.Message}");
        }
    }

    private async Task FoldAsync(Replica replica, WantedReplica wanted)
    {
        while (replica == _replica)
        {
            await Process.Clock.DelayAsync(FoldEvery);
            if (replica != _replica) return;
            try
            {
                var folded = await replica.FoldAsync(Process.Clock.GetUtcNow(), 256 << 10, default);
                if (folded.FoldedBytes > 0) _world.Count("folds");
            }
            catch (StorageException e)
            {
                await ReopenAsync(replica, e);
            }
            catch (ReplicaException e) when (wanted.HasDecayed)
            {
                _world.Say(Process.Name, $"cannot fold: {e.Message}");
            }
            catch (ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ReopenAsync(Replica? failed, StorageException why)
    {
        _world.Say(Process.Name, $"reopens the replica: {why.Message}");
        if (failed is not null && failed == _replica) await OpenReplicaAsync();
    }
}
