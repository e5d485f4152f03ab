// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;

namespace Lifeboat.Replication.Linking.Stripes;

/// <summary>Puts accepted paths together again. A path joins only what the same site has begun.</summary>
internal sealed class StripeDesk(LinkTimings timings, TimeProvider time)
{
    private readonly ConcurrentDictionary<(string Site, Guid Stripes), StripedConnection> _open = new();

    /// <param name="serve">Runs the whole connection to its end; called for its first path only.</param>
    public async Task ServeAsync(ILinkConnection path, StripeJoin join, Func<ILinkConnection, Task> serve,
        CancellationToken ct)
    {
        var key = (path.PeerSite, join.Stripes);
        if (join.First) await BeginAsync(path, key, serve, ct);
        else if (_open.TryGetValue(key, out var whole))
        {
            await path.SendAsync(new StripeAck(0, 0).Encode(), ct);
            if (whole.TryAdd(path, new PathMeter(), out var ended)) await ended.ArriveAsync(ct);
        }
        // Else it is over, or another site's: closed without a word.
    }

    private async Task BeginAsync(ILinkConnection path, (string, Guid) key, Func<ILinkConnection, Task> serve,
        CancellationToken ct)
    {
        var whole = new StripedConnection(path.PeerSite, path.Version, timings, time);
        // What begins twice is something of the past.
        if (!_open.TryAdd(key, whole)) return;
        try
        {
            await path.SendAsync(new StripeAck(0, 0).Encode(), ct);
            whole.TryAdd(path, new PathMeter(), out _);
            await serve(whole);
        }
        finally
        {
            _open.TryRemove(key, out _);
            await whole.DisposeAsync();
        }
    }
}
