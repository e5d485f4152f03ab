// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Quiescing;

// The steps of one instance: to rest in order, on again in reverse order. The ladder of what is reached:
//
//   every step did            ► the lowest of what scripts and freeze brought together: application, or file-system
//   one failed, a freeze held ► file-system
//   one failed, nothing holds ► crash
//
// Whatever was asked is thawed, what failed half-way too; whether it had held is asked only of what did not fail. What
// it remembers between two calls is not needed: the watchdog thaws without it what a dead agent has begun.
public sealed class InstanceQuiesce(
    QuiesceProviders providers, QuiesceTarget target, IReadOnlyList<QuiesceStep> steps)
{
    private readonly Dictionary<QuiesceStep, IQuiesceProvider> _opened = new(ReferenceEqualityComparer.Instance);
    // By step, whether it succeeded; those that were never asked are not in it. Null: somebody else quiesced.
    private Dictionary<QuiesceStep, bool>? _asked;
    private const int EvidenceMax = 1000;
    private static readonly TimeSpan ThawLimit = TimeSpan.FromSeconds(5);

    /// <summary>Brings the instance to rest. Never throws for a provider's failure: it is in the outcome.</summary>
    /// <param name="goOn">After a step that failed, for a lower rung; else the first failure ends it.</param>
    public async Task<InstanceQuiesced> QuiesceAsync(
        Guid id, TimeSpan limit, DateTimeOffset deadline, bool goOn, CancellationToken ct)
    {
        var began = target.Time.GetTimestamp();
        var evidence = new List<StepEvidence>();
        _asked = new(ReferenceEqualityComparer.Instance);
        foreach (var step in steps)
        {
            var left = limit - target.Time.GetElapsedTime(began);
            var call = new QuiesceCall(id, step.Limit is { } own && own < left ? own : left, deadline);
            _asked[step] = false; // before the call: one that is cut off is thawed
            evidence.Add(call.Limit > TimeSpan.Zero
                ? await StepAsync(step, call, ct)
                : new StepEvidence(step.Provider, null, ProviderFault.Timeout, "no time was left", TimeSpan.Zero));
            if (evidence[^1].Fault is ProviderFault.Misconfigured) _asked.Remove(step);
            else _asked[step] = evidence[^1].Fault is null;
            if (evidence[^1].Fault is not null && !goOn) break;
        }
        return new InstanceQuiesced(Rung(evidence), evidence);
    }

    /// <summary>Lets the instance go on, whether or not it is at rest.</summary>
    /// <returns>What became of each step, the last first.</returns>
    public async Task<InstanceThawed> ThawAsync(Guid id, DateTimeOffset deadline, CancellationToken ct)
    {
        var evidence = new List<StepEvidence>();
        var left = new List<QuiesceStep>();
        var held = true;
        foreach (var step in steps.Reverse())
        {
            if (_asked?.ContainsKey(step) == false) continue;
            var counts = _asked?[step] != false;
            var began = target.Time.GetTimestamp();
            try
            {
                var answer = await WithinAsync(step.Limit ?? ThawLimit, token => Open(step).ThawAsync(
                    new QuiesceCall(id, step.Limit ?? ThawLimit, deadline), token), ct);
                held &= answer.Held || !counts;
                evidence.Add(new StepEvidence(step.Provider, null, null, Cut(answer.Evidence),
                    target.Time.GetElapsedTime(began)));
            }
            catch (QuiesceProviderException e)
            {
                held &= !counts;
                if (e.Fault != ProviderFault.Gone) left.Insert(0, step);
                evidence.Add(new StepEvidence(step.Provider, null, e.Fault, Cut(e.Message),
                    target.Time.GetElapsedTime(began)));
            }
        }
        return new InstanceThawed(held, evidence, left);
    }

    /// <summary>Quiesced if any step says so, Unknown if none can say.</summary>
    public async Task<QuiesceState> StateAsync(CancellationToken ct)
    {
        var states = new List<QuiesceState>();
        foreach (var step in steps)
        {
            try
            {
                states.Add(await WithinAsync(ThawLimit, Open(step).StateAsync, ct));
            }
            catch (QuiesceProviderException)
            {
                states.Add(QuiesceState.Unknown);
            }
        }
        if (states.Contains(QuiesceState.Quiesced)) return QuiesceState.Quiesced;
        return states.Contains(QuiesceState.Unknown) ? QuiesceState.Unknown : QuiesceState.Thawed;
    }

    private async Task<StepEvidence> StepAsync(QuiesceStep step, QuiesceCall call, CancellationToken ct)
    {
        var began = target.Time.GetTimestamp();
        try
        {
            var answer = await WithinAsync(call.Limit, token => Open(step).QuiesceAsync(call, token), ct);
            return new StepEvidence(step.Provider, answer.Reached, null, Cut(answer.Evidence),
                target.Time.GetElapsedTime(began));
        }
        catch (QuiesceProviderException e)
        {
            return new StepEvidence(step.Provider, null, e.Fault, Cut(e.Message), target.Time.GetElapsedTime(began));
        }
    }

    private IQuiesceProvider Open(QuiesceStep step)
    {
        if (_opened.TryGetValue(step, out var known)) return known;
        var provider = providers.Open(step.Provider, target with { Settings = step.Settings });
        return provider.Problems().ToList() is { Count: > 0 } problems
            ? throw new QuiesceProviderException(ProviderFault.Misconfigured, string.Join("; ", problems))
            : _opened[step] = provider;
    }

    // Cancelled by the caller (ct) or by the limit; only the latter is the provider's failure.
    private async Task<T> WithinAsync<T>(TimeSpan limit, Func<CancellationToken, Task<T>> ask, CancellationToken ct)
    {
        using var late = new CancellationTokenSource(limit, target.Time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        try
        {
            return await ask(any.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new QuiesceProviderException(ProviderFault.Timeout,
                $"no answer within {limit.TotalSeconds:0.#} s");
        }
    }

    private static Consistency Rung(List<StepEvidence> evidence)
    {
        var best = evidence.Where(e => e.Reached is not null).Select(e => e.Reached!.Value)
            .DefaultIfEmpty(Consistency.Crash).Max();
        if (evidence.TrueForAll(e => e.Fault is null)) return best;
        // A script alone puts no file system to rest: what is left of the ladder below it is the freeze.
        var frozen = evidence.Any(e => e is { Provider: QuiesceStep.GuestAgent, Reached: >= Consistency.FileSystem }
            or { Reached: Consistency.FileSystem });
        return frozen ? Consistency.FileSystem : Consistency.Crash;
    }

    private static string Cut(string text) => text.Length <= EvidenceMax ? text : text[..EvidenceMax] + "…";
}

/// <summary>What became of one step.</summary>
/// <param name="Reached">Null: it failed, or it was a thaw.</param>
/// <param name="Fault">Null: it did not fail.</param>
public sealed record StepEvidence(
    string Provider, Consistency? Reached, ProviderFault? Fault, string Text, TimeSpan Took)
{
    public override string ToString() => Fault is { } fault ? $"{Provider}: {fault}: {Text}" : $"{Provider}: {Text}";
}

/// <param name="Reached">Crash: nothing holds it at rest; it is to be thawed all the same.</param>
public sealed record InstanceQuiesced(Consistency Reached, IReadOnlyList<StepEvidence> Steps)
{
    public IEnumerable<StepEvidence> Failed => Steps.Where(s => s.Fault is not null);
}

/// <param name="Held">At rest until now, by every step that had succeeded.</param>
/// <param name="Left">Steps of which nobody knows whether they still hold, in their order.</param>
public sealed record InstanceThawed(bool Held, IReadOnlyList<StepEvidence> Steps, IReadOnlyList<QuiesceStep> Left)
{
    /// <summary>Why that is not known; what is gone holds nothing.</summary>
    public IEnumerable<StepEvidence> Unsure => Steps.Where(s => s.Fault is not (null or ProviderFault.Gone));
}
