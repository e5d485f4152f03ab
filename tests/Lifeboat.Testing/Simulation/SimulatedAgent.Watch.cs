// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Testing.Simulation;

// What this site has said so far, and whether it still holds after a crash.
public sealed partial class SimulatedAgent
{
    private string? _described;

    /// <summary>Called often, and just before a host loses power.</summary>
    public void Watch()
    {
        if (_replica is { } replica && _opened is { } opened)
        {
            WatchScrub(replica);
            _world.Oracle.CheckFence(opened, replica.Points);
            foreach (var point in replica.Points) _world.Oracle.Sealed(point);
            if (replica.Points.Count > 0) opened.Promise(replica.DurableSequence, replica.Points[^1]);
        }
        if (SourceSnapshot() is { } now && _world.Options.Trace is not null) Describe(now);
        if (SourceSnapshot() is not { } source || _host.Peer.ReplicaWanted is not { } peer) return;
        if (peer.Epoch > source.Epoch) return;
        if (source.LastSealed is { } last)
        {
            _world.Oracle.Sealed(last);
            if (last.Epoch >= peer.Epoch && !peer.WasPutBack) peer.Promise(source.DurableSequence, last);
        }
    }

    internal void Promised(long durable) => _opened?.Promise(durable);

    private void Describe(SourceSnapshot now)
    {
        var text = $"{now.Phase} {now.Reason} {now.Detail} {now.LastSync}";
        if (text == _described) return;
        _described = text;
        _world.Say(Process.Name, $"{text}, captured {now.CapturedSequence}, durable {now.DurableSequence}, "
            + $"outbox {now.OutboxBytes}, sealed {now.LastSealed?.Sequence}");
    }

    /// <summary>Nothing that was acknowledged as durable or listed as sealed may be gone.</summary>
    private async Task CheckPromisesAsync(Replica replica, WantedReplica wanted)
    {
        _world.Say(Process.Name, $"replica open, durable {replica.DurableSequence}, {replica.Points.Count} points");
        if (wanted.HasDecayed) CheckAfterDecay(replica, wanted);
        if (replica.DurableSequence < wanted.Durable)
            _world.Violate("I10", $"{_host.Name} acknowledged {wanted.Durable} as durable and has "
                + $"{replica.DurableSequence} after a restart");
        if (wanted.Newest is { } newest && replica.Points.All(p => p.Sequence < newest.Sequence))
            _world.Violate("I10", $"{_host.Name} sealed the point at {newest.Sequence} and has lost it");
        if (wanted.Newest is { } kept && replica.Points.Count > 0 && replica.Points[^1].Sequence == kept.Sequence
            && replica.Points[^1].Id != kept.Id)
            _world.Violate("I10", $"the point at {kept.Sequence} is another after a restart");
        await AuditAsync(_prng, 0);
    }
}
