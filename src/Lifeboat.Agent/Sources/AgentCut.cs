// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Agent.Sources;

/// <summary>One shared checkpoint at this agent. Its requests may overlap when they are repeated.</summary>
internal sealed class AgentCut(SharedCutRequest request) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<(string Group, GroupSource.SharedCut Cut)> _members = [];
    private SharedCutPart[]? _parts;
    private ITimer? _expiry;
    private bool _held, _done;

    public void Add(string group, GroupSource.SharedCut cut) => _members.Add((group, cut));

    public void ExpireAfter(TimeSpan lifetime, TimeProvider time, Action expire) =>
        _expiry = time.CreateTimer(_ => expire(), null, lifetime, Timeout.InfiniteTimeSpan);

    /// <returns>The first group that nothing is captured of; null: all hold.</returns>
    public string? Hold()
    {
        lock (_gate)
        {
            if (_done || _held) return null;
            _held = true;
            foreach (var (group, cut) in _members)
                if (!cut.Hold()) return group;
            return null;
        }
    }

    /// <summary>Cuts every group, once, and so releases it.</summary>
    public SharedCutPart[] Cut()
    {
        lock (_gate) return _parts ??= [.. _members.Select(m => Part(m.Group, m.Cut))];
    }

    /// <summary>How the cut went; it is made now if it was not.</summary>
    public async Task<SharedCutResult> CutAsync(CancellationToken ct)
    {
        var parts = Cut();
        if (parts.Any(p => p.Point is null)) return new SharedCutResult(parts, Intact: false);
        var intact = await Task.WhenAll(_members.Select(m => m.Cut.LookAsync(ct)));
        return new SharedCutResult(parts, intact.All(i => i));
    }

    public void Settle(bool agreed)
    {
        lock (_gate)
            foreach (var (_, cut) in _members) cut.Settle(agreed && _parts is not null);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_done) return;
            _done = true;
            foreach (var (_, cut) in _members) cut.Dispose();
        }
        _expiry?.Dispose();
    }

    private SharedCutPart Part(string group, GroupSource.SharedCut cut)
    {
        var outcome = cut.Cut(request.Id, request.CutAt, request.Label);
        return new SharedCutPart(group, outcome.Point, outcome.Held, outcome.Reason, outcome.Detail);
    }
}
