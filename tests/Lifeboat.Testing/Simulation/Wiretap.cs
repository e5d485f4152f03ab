// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Replication.Linking.Stripes;

namespace Lifeboat.Testing.Simulation;

/// <summary>Hears every message of living agents as it leaves, and leads it to those who check or promise.</summary>
internal sealed class Wiretap(SimulatedWorld world) : IDisposable
{
    private readonly FrameUnpacker _unpacker = new(FrameAbilities.All);
    private readonly Dictionary<Guid, WireSession> _striped = [];

    public void Sent(SimulatedProcess sender, SimulatedConnection connection, ReadOnlyMemory<byte> message)
    {
        if (HostOf(sender) is not { } host) return;
        var kind = MessageCodec.Open(message, out var payload);
        if (kind == MessageKind.StripeJoin)
        {
            var stripes = StripeJoin.Decode(payload.Span).Stripes;
            connection.Session = CollectionsMarshal.GetValueRefOrAddDefault(_striped, stripes, out _) ??= new();
            return;
        }
        long? part = null;
        if (kind == MessageKind.StripePart)
        {
            world.Count("stripe parts");
            (part, message) = StripePart.Decode(payload);
            kind = MessageCodec.Open(message, out payload);
        }
        var shipped = Sent(host, connection.Session, kind, payload);
        if (sender == connection.Client.Process && connection.Session.Fault(part, shipped) is { } fault)
            world.Violate("I9", $"{sender.Name} {fault}");
    }

    public void Dispose() => _unpacker.Dispose();

    private ShippedFrame? Sent(
        SimulatedHost host, WireSession session, MessageKind kind, ReadOnlyMemory<byte> payload)
    {
        switch (kind)
        {
            case MessageKind.Hello:
                world.Resyncs.Asked(host);
                return null;
            case MessageKind.HelloReply:
                session.Told = HelloReply.Decode(payload.Span);
                world.Network.Past.Answered();
                return null;
            case MessageKind.Ack:
                // A promise from the moment it leaves, whether or not anybody hears it.
                host.Agent!.Promised(Ack.Decode(payload.Span).Durable);
                return null;
            case MessageKind.Frame:
                var frame = _unpacker.Open(payload, out var records);
                world.Resyncs.Sent(host, frame, records);
                return ShippedFrame.Of(frame, records);
            default: return null;
        }
    }

    private SimulatedHost? HostOf(SimulatedProcess agent)
    {
        foreach (var host in world.Hosts)
            if (host.Agent?.Process == agent) return host;
        return null;
    }
}
