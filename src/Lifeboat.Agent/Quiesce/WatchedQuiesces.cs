// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Text.Json;
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Quiescing;

namespace Lifeboat.Agent.Quiesce;

// Brings instances to rest with a dead man over each. Invariants:
//   A quiesce is announced in the shared page before anything is asked, and its slot is freed only when the instance is
//   known to go on or to be gone; whoever dies in between, the dead man finds it.
//   An instance has one quiesce at a time: a second would be ended by the thaw of the first.
internal sealed class WatchedQuiesces(
    QuiesceProviders providers, HeartbeatPage page, string directory, string tickets, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Held> _held = new(StringComparer.Ordinal);

    /// <summary>Brings one to rest. What did not come to rest has been let go on again when this returns.</summary>
    /// <param name="limit">The dead man comes after that long.</param>
    /// <param name="goOn">After a step that failed, for a lower rung.</param>
    public async Task<InstanceQuiesced> BeginAsync(QuiesceOrder order, TimeSpan limit, bool goOn, CancellationToken ct)
    {
        var held = new Held(order.Id, time.GetUtcNow() + limit, Open(order));
        if (!TryTake(order.Instance, held))
            return Not(ProviderFault.Refused, "it is held at rest by another request already");
        if (Announce(order, held.Deadline) is not { } freeze)
        {
            _held.TryRemove(order.Instance, out _);
            return Not(ProviderFault.Refused, "nobody could watch over it: no room in run/heartbeat, or no ticket");
        }
        held.Freeze = freeze;
        try
        {
            var outcome = await held.Steps.QuiesceAsync(order.Id, limit, held.Deadline, goOn, ct);
            if (outcome.Reached > Consistency.Crash && (goOn || !outcome.Failed.Any())) return outcome;
            await UndoAsync(order, held);
            return outcome with { Reached = Consistency.Crash };
        }
        catch
        {
            await UndoAsync(order, held);
            throw;
        }
    }

    /// <summary>Lets it go on. What is not held here is asked to go on all the same: a thaw is always possible.
    /// </summary>
    /// <param name="id">Of the quiesce that is to end; null: whichever there is.</param>
    public async Task<InstanceThawed> EndAsync(QuiesceOrder order, Guid? id, CancellationToken ct)
    {
        if (!_held.TryGetValue(order.Instance, out var held))
            return await Open(order).ThawAsync(order.Id, time.GetUtcNow(), ct) with { Held = false };
        if (id is { } one && held.Id != one || !held.TryEnd())
            return new InstanceThawed(false, [new StepEvidence("lifeboat", null, null,
                "it had gone on before, or is let go on just now", TimeSpan.Zero)], []);
        // The dead man frees a slot only after it has thawed.
        var stillOurs = IsWatched(held);
        var thawed = await ThawAsync(order, held, ct);
        return thawed with { Held = thawed.Held && stillOurs };
    }

    /// <summary>Whether the dead man has not come for it yet.</summary>
    public bool IsHeld(string instance, Guid id) =>
        _held.TryGetValue(instance, out var held) && held.Id == id && !held.Ending && IsWatched(held);

    private bool IsWatched(Held held) => held.Freeze is not { } freeze || page.Freezes().Contains(freeze);

    // One that the dead man has ended and that nobody came back for is in nobody's way.
    private bool TryTake(string instance, Held held)
    {
        if (_held.TryGetValue(instance, out var other) && !IsWatched(other) && other.TryEnd())
            _held.TryRemove(new KeyValuePair<string, Held>(instance, other));
        return _held.TryAdd(instance, held);
    }

    private async Task UndoAsync(QuiesceOrder order, Held held)
    {
        if (held.TryEnd()) await ThawAsync(order, held, CancellationToken.None);
    }

    // It is in the way of another quiesce until it is thawed: that one would be ended by this thaw. What cannot be
    // thawed at once is left to the dead man, who looks at the deadline.
    private async Task<InstanceThawed> ThawAsync(QuiesceOrder order, Held held, CancellationToken ct)
    {
        try
        {
            var thawed = await held.Steps.ThawAsync(held.Id, held.Deadline, ct);
            if (thawed.Left.Count == 0) Clear(held.Freeze);
            else if (held.Freeze?.Ticket is not null) WriteTicket(order with { Id = held.Id, Steps = thawed.Left });
            return thawed;
        }
        finally
        {
            _held.TryRemove(new KeyValuePair<string, Held>(order.Instance, held));
        }
    }

    private InstanceQuiesce Open(QuiesceOrder order) => new(providers,
        new QuiesceTarget(order.Instance, order.GuestAgentSocket, directory, time), order.Steps);

    // A guest agent alone needs no file: its socket says all.
    private Freeze? Announce(QuiesceOrder order, DateTimeOffset deadline)
    {
        if (order is { Steps: [{ Provider: QuiesceStep.GuestAgent }], GuestAgentSocket: { } socket })
            return page.Announce(socket, deadline);
        try
        {
            var path = WriteTicket(order);
            if (page.Announce(ThawTicket.Mark + path, deadline) is { } freeze)
            {
                DropFormer(freeze, order);
                return freeze;
            }
            File.Delete(path);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private string WriteTicket(QuiesceOrder order)
    {
        var path = Path.Combine(tickets, $"{order.Id:N}-{order.Instance}.json");
        ThawTicket.Write(path,
            new ThawTicket(order.Id, order.Instance, order.GuestAgentSocket, directory, order.Steps));
        return path;
    }

    // What could not be thawed, a service that is down, is left to the dead man. The thaw of this quiesce does the
    // same: otherwise each one would add a slot until there is room for none.
    private void DropFormer(Freeze now, QuiesceOrder order)
    {
        var steps = order.Steps.Select(s => JsonSerializer.Serialize(s)).ToHashSet(StringComparer.Ordinal);
        foreach (var former in page.Freezes().Where(f => f.Ticket is not null && f != now))
        {
            if (ThawTicket.Read(former.Ticket!) is { } ticket && ticket.Instance == order.Instance
                && ticket.Steps.All(s => steps.Contains(JsonSerializer.Serialize(s)))) Clear(former);
        }
    }

    private void Clear(Freeze? announced)
    {
        if (announced is not { } freeze) return;
        page.Clear(freeze);
        if (freeze.Ticket is { } path) File.Delete(path);
    }

    private static InstanceQuiesced Not(ProviderFault fault, string why) =>
        new(Consistency.Crash, [new StepEvidence("lifeboat", null, fault, why, TimeSpan.Zero)]);

    private sealed class Held(Guid id, DateTimeOffset deadline, InstanceQuiesce steps)
    {
        public Guid Id => id;
        public DateTimeOffset Deadline => deadline;
        public InstanceQuiesce Steps => steps;
        /// <summary>Null: it is being announced.</summary>
        public Freeze? Freeze { get; set; }
        /// <summary>Somebody lets it go on.</summary>
        public bool Ending => Volatile.Read(ref _ending) != 0;

        private int _ending;

        /// <summary>True for the one who is to let it go on.</summary>
        public bool TryEnd() => Interlocked.Exchange(ref _ending, 1) == 0;
    }
}

/// <summary>Whom to bring to rest, and how.</summary>
internal sealed record QuiesceOrder(
    Guid Id, string Instance, string? GuestAgentSocket, IReadOnlyList<QuiesceStep> Steps);
