// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Protection;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Stripes;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Receiving;

/// <summary>Leads accepted connections to the receiver of the group they name. One per link listener.</summary>
public sealed partial class LinkAcceptor(LinkTimings timings, TimeProvider time, ILogger<LinkAcceptor> logger)
{
    private readonly ConcurrentDictionary<string, ReplicaReceiver> _receivers = new(StringComparer.Ordinal);
    private readonly StripeDesk _stripes = new(timings, time);

    /// <summary>Adds the receiver of a group, or puts it in the place of an earlier one (stop that first).</summary>
    public void Put(ReplicaReceiver receiver) => _receivers[receiver.Group] = receiver;

    public void Remove(string group) => _receivers.TryRemove(group, out _);

    /// <summary>
    /// Serves a connection to its end and disposes it. Link failures are how connections end: logged only.
    /// </summary>
    /// <exception cref="Journaling.Storage.StorageException">The group's journal failed; open the replica
    /// anew.</exception>
    public async Task ServeAsync(ILinkConnection connection, CancellationToken ct)
    {
        await using var owned = connection;
        try
        {
            var (hello, join) = await HearFirstAsync(connection, ct);
            if (join is { } path && connection is not StripedConnection)
                await _stripes.ServeAsync(connection, path, whole => ServeAsync(whole, ct), ct);
            if (hello is null) return;
            if (_receivers.TryGetValue(hello.Group, out var receiver)) await receiver.RunAsync(connection, hello, ct);
            else
                await SendLastAsync(connection, new Refused(ReasonCode.GroupUnknown, default,
                    $"no replica of {hello.Group} here"), timings, time, ct);
        }
        catch (LinkException e)
        {
            LogConnectionEnded(logger, connection.PeerSite, e.Fault, e.Message);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The listener is closing.
        }
    }

    /// <summary>Sends what ends a session, without waiting long for a peer that does not read.</summary>
    internal static async Task SendLastAsync(ILinkConnection connection, Refused refused, LinkTimings timings,
        TimeProvider time, CancellationToken ct) =>
        await Waiting.ForAsync(t => connection.SendAsync(refused.Encode(), t).AsTask(), timings.PingInterval, time, ct);

    private async Task<(Hello? Hello, StripeJoin? Join)> HearFirstAsync(
        ILinkConnection connection, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(timings.HelloLimit, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            if (await connection.ReceiveAsync(any.Token) is not { } message) return (null, null);
            return MessageCodec.Open(message, out var payload) switch
            {
                MessageKind.Hello => (Hello.Decode(payload.Span), null),
                MessageKind.StripeJoin => (null, StripeJoin.Decode(payload.Span)),
                var kind => throw MessageCodec.Fault($"{kind} instead of a hello"),
            };
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new LinkException(LinkFault.Broken, "no hello in time", e);
        }
    }

    [LoggerMessage(ReplicationEvents.ConnectionEnded, LogLevel.Information,
        "A connection of {Site} ended: {Fault} {Detail}")]
    private static partial void LogConnectionEnded(ILogger logger, string site, LinkFault fault, string detail);
}
