// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Qemu;
using Lifeboat.Replication.Checkpoints;

namespace Lifeboat.Agent.Quiesce;

// Freezes guests through their agents. Invariant: a freeze is announced in the shared page before it is asked for, and
// its slot is freed only when the guest is known to be thawed or gone; whoever dies in between, the dead man finds it.
internal sealed class GuestAgentQuiesce(
    IReadOnlyList<SourceInstance> instances, HeartbeatPage page, TimeProvider time) : IQuiesceInstances
{
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan ThawLimit = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, FrozenGuest> _frozen = new(StringComparer.Ordinal);

    public async Task<QuiesceOutcome> FreezeAsync(string instance, TimeSpan deadline, CancellationToken ct)
    {
        if (instances.FirstOrDefault(i => i.Name == instance)?.GuestAgentSocket is not { } socket)
            return Not(ReasonCode.GuestAgentUnreachable, "it has no guest agent");
        if (page.Announce(socket, time.GetUtcNow() + deadline) is not { } freeze)
            return Not(ReasonCode.QuiesceFailed, "no more freezes can be watched over");
        try
        {
            // Answered late, there would be no time for the checkpoint before the dead man thaws.
            var count = await Agent(socket, deadline * 0.7).FreezeAsync(ct);
            _frozen[instance] = new FrozenGuest(freeze, count);
            // The agent runs the guest's freeze hooks and fails when one does, so applications with hooks are at rest.
            return new QuiesceOutcome(Consistency.Application, ReasonCode.None, null);
        }
        catch (QmpException e)
        {
            await UndoAsync(freeze, e.Fault);
            return Not(
                e.Fault == QmpFault.Refused ? ReasonCode.QuiesceFailed : ReasonCode.GuestAgentUnreachable, e.Message);
        }
        catch (OperationCanceledException)
        {
            await UndoAsync(freeze, QmpFault.Timeout);
            throw;
        }
    }

    public async Task<bool> ThawAsync(string instance, CancellationToken ct)
    {
        if (!_frozen.TryRemove(instance, out var guest)) return true;
        // The watchdog frees a slot only after it has thawed the guest.
        var stillOurs = page.Freezes().Contains(guest.Freeze);
        try
        {
            var thawed = await Agent(guest.Freeze.GuestAgentSocket, ThawLimit).ThawAsync(ct);
            page.Clear(guest.Freeze);
            return stillOurs && (thawed > 0 || guest.FileSystems == 0);
        }
        catch (QmpException e) when (e.Fault is QmpFault.Unreachable or QmpFault.Closed)
        {
            page.Clear(guest.Freeze);   // no QEMU, no frozen guest
            return stillOurs;
        }
        catch (QmpException e)
        {
            throw new QuiesceException(
                e.Fault == QmpFault.Refused ? QuiesceFault.Refused : QuiesceFault.Unreachable, e.Message, e);
        }
    }

    // Refused, the guest is thawed already but may think otherwise; silent, it may freeze any moment from now. What
    // cannot be thawed at once is left to the dead man, who looks at the deadline.
    private async Task UndoAsync(Freeze freeze, QmpFault fault)
    {
        if (fault is QmpFault.Unreachable or QmpFault.Closed)
        {
            page.Clear(freeze);
            return;
        }
        try
        {
            await Agent(freeze.GuestAgentSocket, ThawLimit).ThawAsync(CancellationToken.None);
            page.Clear(freeze);
        }
        catch (QmpException e) when (e.Fault is QmpFault.Unreachable or QmpFault.Closed)
        {
            page.Clear(freeze);
        }
        catch (QmpException)
        {
            // The slot stays announced.
        }
    }

    private GuestAgentClient Agent(string socket, TimeSpan commandLimit) =>
        new(socket, new QmpOptions { ConnectLimit = ConnectLimit, CommandLimit = commandLimit }, time);

    private static QuiesceOutcome Not(ReasonCode reason, string detail) => new(Consistency.Crash, reason, detail);

    private sealed record FrozenGuest(Freeze Freeze, int FileSystems);
}
