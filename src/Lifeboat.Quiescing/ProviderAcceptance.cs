// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Quiescing;

/// <summary>
/// What every quiesce provider must do, whatever is behind it. The tests run it on each that ships; a vendor runs it on
/// their own, in process or over a socket (`lifeboat quiesce conformance`). It quiesces the instance several times,
/// each for a moment, and leaves it thawed.
/// </summary>
public static class ProviderAcceptance
{
    public static readonly IReadOnlyList<ProviderCheck> Checks =
    [
        new("its settings have no problems, and one that nobody knows is one", SettingsAsync),
        new("it reaches no more than it says, and tells how that is known", ReachesAsync),
        new("another object of it, as another process has one, can thaw", ThawByAnotherAsync),
        new("thawing twice succeeds, and does not claim to have held twice", ThawTwiceAsync),
        new("thawing what was never quiesced succeeds", ThawNothingAsync),
        new("a quiesce that is given up can be thawed, and leaves nothing at rest", GivenUpAsync),
        new("after all that it can be quiesced again", AgainAsync),
    ];

    /// <summary>Runs all checks, one after the other.</summary>
    /// <param name="open">A new object each time; given the settings to add.</param>
    /// <returns>For each check null, or what is wrong.</returns>
    public static async Task<IReadOnlyList<(string Check, string? Problem)>> RunAsync(
        Func<IReadOnlyDictionary<string, string>, IQuiesceProvider> open, TimeSpan limit, TimeProvider time,
        CancellationToken ct)
    {
        var results = new List<(string, string?)>();
        foreach (var check in Checks)
        {
            var trial = new ProviderTrial(open, limit, time);
            // Cancelled by the caller (ct) or by the limit; only the latter is the provider's failure.
            using var late = new CancellationTokenSource(3 * limit, time);
            using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
            string? problem;
            try
            {
                problem = await check.RunAsync(trial, any.Token);
            }
            catch (OperationCanceledException) when (late.IsCancellationRequested)
            {
                problem = $"it did not end within {3 * limit.TotalSeconds:0} s";
            }
            catch (QuiesceProviderException e)
            {
                problem = $"{e.Fault}: {e.Message}";
            }
            catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
            {
                problem = $"it threw {e.GetType().Name}, not {nameof(QuiesceProviderException)}: {e.Message}";
            }
            results.Add((check.Name, problem));
        }
        return results;
    }

    // One that cannot tell by itself, because the settings are somebody else's, tells when it is asked.
    private static async Task<string?> SettingsAsync(ProviderTrial trial, CancellationToken ct)
    {
        if (trial.Open().Problems().ToList() is { Count: > 0 } problems) return string.Join("; ", problems);
        var wrong = trial.Open(new Dictionary<string, string> { ["no-such-setting"] = "x" });
        if (wrong.Problems().Any()) return null;
        try
        {
            await wrong.QuiesceAsync(trial.Call, ct);
            await trial.Open().ThawAsync(trial.Call, ct);
            return "it takes a setting 'no-such-setting' without a word: a mistyped one would be ignored";
        }
        catch (QuiesceProviderException e) when (e.Fault == ProviderFault.Misconfigured)
        {
            return null;
        }
    }

    private static async Task<string?> ReachesAsync(ProviderTrial trial, CancellationToken ct)
    {
        var provider = trial.Open();
        if (provider.Reaches is not (Consistency.FileSystem or Consistency.Application))
            return $"it says that it reaches {provider.Reaches}; a quiesce reaches file-system or application";
        var answer = await provider.QuiesceAsync(trial.Call, ct);
        var state = await provider.StateAsync(ct);
        var thawed = await provider.ThawAsync(trial.Call, ct);
        if (answer.Reached > provider.Reaches) return $"it reached {answer.Reached}, more than {provider.Reaches}";
        if (answer.Reached < Consistency.FileSystem) return $"it reached {answer.Reached}; that is to fail";
        if (string.IsNullOrWhiteSpace(answer.Evidence) || string.IsNullOrWhiteSpace(thawed.Evidence))
            return "it tells no evidence";
        if (state == QuiesceState.Thawed) return "its state is thawed while it is quiesced";
        return thawed.Held ? null : $"the thaw, right after, says that it did not hold: {thawed.Evidence}";
    }

    private static async Task<string?> ThawByAnotherAsync(ProviderTrial trial, CancellationToken ct)
    {
        await trial.Open().QuiesceAsync(trial.Call, ct);
        var thawed = await trial.Open().ThawAsync(trial.Call, ct);
        if (!thawed.Held) return $"it says that it did not hold: {thawed.Evidence}";
        return await trial.Open().StateAsync(ct) == QuiesceState.Quiesced ? "it is quiesced after the thaw" : null;
    }

    private static async Task<string?> ThawTwiceAsync(ProviderTrial trial, CancellationToken ct)
    {
        var knows = await QuiesceAsync(trial, ct) == QuiesceState.Quiesced;
        await trial.Open().ThawAsync(trial.Call, ct);
        var again = await trial.Open().ThawAsync(trial.Call, ct);
        return knows && again.Held ? "it knows its state, and the second thaw says that it held until then" : null;
    }

    private static async Task<QuiesceState> QuiesceAsync(ProviderTrial trial, CancellationToken ct)
    {
        await trial.Open().QuiesceAsync(trial.Call, ct);
        return await trial.Open().StateAsync(ct);
    }

    private static async Task<string?> ThawNothingAsync(ProviderTrial trial, CancellationToken ct)
    {
        var before = await trial.Open().StateAsync(ct);
        var thawed = await trial.Open().ThawAsync(trial.Call, ct);
        return before == QuiesceState.Thawed && thawed.Held ? "it says that it held what was not quiesced" : null;
    }

    private static async Task<string?> GivenUpAsync(ProviderTrial trial, CancellationToken ct)
    {
        using var early = new CancellationTokenSource(TimeSpan.FromMilliseconds(1), trial.Time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, early.Token);
        try
        {
            await trial.Open().QuiesceAsync(trial.Call, any.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or QuiesceProviderException
            && !ct.IsCancellationRequested)
        {
            // One that was quicker than that is as well.
        }
        await trial.Open().ThawAsync(trial.Call, ct);
        return await trial.Open().StateAsync(ct) == QuiesceState.Quiesced ? "it is quiesced after the thaw" : null;
    }

    private static async Task<string?> AgainAsync(ProviderTrial trial, CancellationToken ct)
    {
        await trial.Open().QuiesceAsync(trial.Call, ct);
        return (await trial.Open().ThawAsync(trial.Call, ct)).Held ? null : "it did not hold";
    }
}

/// <returns>Null, or what is wrong.</returns>
public delegate Task<string?> RunProviderCheck(ProviderTrial trial, CancellationToken ct);

public sealed record ProviderCheck(string Name, RunProviderCheck RunAsync);

/// <summary>One check's provider and its one call.</summary>
public sealed class ProviderTrial(
    Func<IReadOnlyDictionary<string, string>, IQuiesceProvider> open, TimeSpan limit, TimeProvider time)
{
    private static readonly IReadOnlyDictionary<string, string> Nothing = new Dictionary<string, string>();

    public TimeProvider Time => time;
    public QuiesceCall Call { get; } = new(Guid.NewGuid(), limit, time.GetUtcNow() + limit);

    public IQuiesceProvider Open() => open(Nothing);

    /// <param name="added">Settings beside those that it has.</param>
    public IQuiesceProvider Open(IReadOnlyDictionary<string, string> added) => open(added);
}
