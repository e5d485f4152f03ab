// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Replication.Replicas;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Replicas;

internal sealed partial class HostedReplica
{
    private readonly ReplicaScrubber _scrubber;
    private readonly Task _scrubbing;
    private long _damagesLogged;

    /// <summary>Begins a scrub, or hurries the one under way.</summary>
    public void Scrub() => _scrubber.Ask();

    private async Task ScrubAsync(CancellationToken ct)
    {
        try
        {
            await _scrubber.RunAsync(ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The replica is being closed.
        }
    }

    private ScrubStatus ScrubNow()
    {
        var state = _replica.ScrubState;
        return new ScrubStatus(state.LastPassAt, state.LastPassBytes, state.PassBytes, state.ChecksumsTo,
            _replica.DamagesFound, [.. _replica.Repaired.Select(Tell)], _scrubber.Problem);
    }

    private DamageStatus Tell(ReplicaDamage damage) => new((DamagedPart)damage.Place, damage.File, damage.Position,
        damage.Length == 0 ? null : Spec.Volumes.FirstOrDefault(v => v.Index == damage.Volume)?.Name, damage.Offset,
        damage.Length, damage.Sequence, damage.FoundAt, damage.MendedAt);

    private string? DamageProblem() =>
        _replica.Damages.FirstOrDefault(d => d is { IsStretch: true, MendedAt: null }) is { } stretch
            ? $"nobody knows what is lost until the source has compared all volumes: {stretch}"
        : _replica.Damages.FirstOrDefault(d => d is { Length: > 0, MendedAt: null }) is { } damage
            ? $"{_replica.Lost.Sum(l => l.Length)} bytes are lost until the source sends them: {damage}"
        : null;

    private void LogDamages()
    {
        var found = _replica.DamagesFound;
        if (found == _damagesLogged) return;
        _damagesLogged = found;
        foreach (var damage in _replica.Damages) LogDamage(Spec.Key, damage);
        foreach (var damage in _replica.Repaired) LogRepaired(Spec.Key, damage);
    }

    [LoggerMessage(EventIds.ReplicaDamaged, LogLevel.Error, "Replica of {Group} is damaged: {Damage}")]
    private partial void LogDamage(string group, ReplicaDamage damage);

    [LoggerMessage(EventIds.ReplicaRepaired, LogLevel.Warning, "Replica of {Group} was damaged and is whole: {Damage}")]
    private partial void LogRepaired(string group, ReplicaDamage damage);
}
