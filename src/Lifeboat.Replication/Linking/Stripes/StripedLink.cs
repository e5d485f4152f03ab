// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Replication.Linking.Stripes;

/// <summary>Reaches a site over several paths at once, and keeps trying those that fail.</summary>
internal sealed class StripedLink(ILink link, LinkBudget budget, LinkTimings timings, TimeProvider time)
{
    private static readonly TimeSpan RetryMin = TimeSpan.FromSeconds(1), RetryMax = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Returns when one path is there; the others follow. A peer that knows no stripes (before link version 3) gets a
    /// plain connection over the first path that works.
    /// </summary>
    /// <exception cref="LinkException">No path works: why the first one does not.</exception>
    public async Task<ILinkConnection> ConnectAsync(string target, string site, IReadOnlyList<LinkPath> paths,
        Chance chance, CancellationToken ct)
    {
        LinkException? first = null;
        for (var i = 0; i < paths.Count; i++)
        {
            var meter = budget.Path(paths[i]);
            try
            {
                var connection = await link.ConnectAsync(paths[i].Target ?? target, site, paths[i], ct);
                if (connection.Version < 3) return connection;
                var stripes = chance.NextGuid();
                await JoinAsync(connection, new StripeJoin(stripes, First: true), ct);
                var whole = new StripedConnection(site, connection.Version, timings, time);
                whole.TryAdd(connection, meter, out var ended);
                for (var j = 0; j < paths.Count; j++)
                {
                    var dial = new Dial(target, site, paths[j], stripes);
                    var now = j == i ? ended : Task.CompletedTask;
                    var backoff = new Backoff(RetryMin, RetryMax, chance);
                    whole.Keep(t => KeepAsync(whole, dial, now, backoff, t));
                }
                return whole;
            }
            catch (LinkException e)
            {
                meter.Refused(e.Message);
                first ??= e;
            }
        }
        throw first!;
    }

    // One path over and over again, for as long as the whole connection lives.
    private async Task KeepAsync(
        StripedConnection whole, Dial dial, Task ended, Backoff backoff, CancellationToken ct)
    {
        var meter = budget.Path(dial.Path);
        meter.Want(1);
        try
        {
            while (true)
            {
                await ended.ArriveAsync(ct);
                try
                {
                    if (await AddAsync(whole, dial, meter, ct) is not { } next) return;
                    ended = next;
                    backoff.Reset();
                }
                catch (LinkException e)
                {
                    meter.Refused(e.Message);
                    await Task.Delay(backoff.Next(), time, ct);
                }
            }
        }
        finally
        {
            meter.Want(-1);
        }
    }

    private async Task<Task?> AddAsync(
        StripedConnection whole, Dial dial, PathMeter meter, CancellationToken ct)
    {
        var connection = await link.ConnectAsync(dial.Path.Target ?? dial.Target, dial.Site, dial.Path, ct);
        try
        {
            await JoinAsync(connection, new StripeJoin(dial.Stripes, First: false), ct);
            if (whole.TryAdd(connection, meter, out var ended)) return ended;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
        await connection.DisposeAsync();
        return null;
    }

    private async Task JoinAsync(ILinkConnection connection, StripeJoin join, CancellationToken ct)
    {
        await connection.SendAsync(join.Encode(), ct);
        using var limit = new CancellationTokenSource(timings.HelloLimit, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            if (await connection.ReceiveAsync(any.Token) is not { } message)
                throw new LinkException(LinkFault.Broken, "the peer does not take this path into the link");
            if (MessageCodec.Open(message, out var payload) is not MessageKind.StripeAck)
                throw MessageCodec.Fault("something else than an answer to the join");
            StripeAck.Decode(payload.Span);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new LinkException(LinkFault.Broken, "no answer to the join in time", e);
        }
    }

    private sealed record Dial(string Target, string Site, LinkPath Path, Guid Stripes);
}
