// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Threading.Channels;

namespace Lifeboat.Qemu;

/// <param name="Data">The event's data; an empty object when it has none.</param>
public sealed record QmpEvent(string Name, JsonElement Data);

/// <summary>
/// Events from the moment of subscription on. Subscribe before the act, then wait: nothing is missed. When nobody
/// reads, the oldest are dropped beyond <see cref="HeldMax"/> (an error policy gone wrong can send thousands a second).
/// </summary>
public sealed class QmpEvents : IDisposable
{
    public const int HeldMax = 4096;

    private readonly Channel<QmpEvent> _events = Channel.CreateBounded<QmpEvent>(
        new BoundedChannelOptions(HeldMax) { FullMode = BoundedChannelFullMode.DropOldest });
    private readonly TimeProvider _time;
    private readonly Action<QmpEvents> _unsubscribe;

    internal QmpEvents(TimeProvider time, Action<QmpEvents> unsubscribe)
    {
        _time = time;
        _unsubscribe = unsubscribe;
    }

    /// <summary>All events, until the connection ends (then <see cref="QmpException"/>).</summary>
    public IAsyncEnumerable<QmpEvent> ReadAllAsync(CancellationToken ct) => _events.Reader.ReadAllAsync(ct);

    /// <summary>The first event that fits; earlier ones are passed over for good.</summary>
    /// <exception cref="QmpException">Timeout, or the connection ended.</exception>
    public async Task<QmpEvent> WaitAsync(Func<QmpEvent, bool> fits, TimeSpan limit, CancellationToken ct)
    {
        // Cancelled by the caller (ct) or by the limit; only the latter is a time-out.
        using var late = new CancellationTokenSource(limit, _time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        try
        {
            await foreach (var happened in _events.Reader.ReadAllAsync(any.Token))
                if (fits(happened)) return happened;
            throw new QmpException(QmpFault.Closed, "the subscription ended");
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new QmpException(QmpFault.Timeout, $"the event did not come within {limit.TotalSeconds:0.#} s");
        }
    }

    internal void Offer(QmpEvent happened) => _events.Writer.TryWrite(happened);
    internal void End(QmpException why) => _events.Writer.TryComplete(why);

    public void Dispose()
    {
        _unsubscribe(this);
        _events.Writer.TryComplete();
    }
}
