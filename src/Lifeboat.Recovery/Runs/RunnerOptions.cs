// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Runs;

public sealed record RunnerOptions
{
    public static readonly RunnerOptions Default = new();

    /// <summary>How often a step is tried when its failure may pass (agent, peer or cloud not reachable).</summary>
    public int AttemptsMax { get; init; } = 5;
    /// <summary>Wait before the second attempt; doubles with each further one, up to
    /// <see cref="RetryDelayMax"/>.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);
    public TimeSpan RetryDelayMax { get; init; } = TimeSpan.FromSeconds(15);
    /// <summary>For so long a step is tried, however often, while the site's cloud does not answer: in the disaster
    /// that a run is for everybody asks the cloud that is left. Clean-ups and undoing have
    /// <see cref="AttemptsMax"/>.</summary>
    public TimeSpan OutageLimit { get; init; } = TimeSpan.FromMinutes(5);
    /// <summary>What reports name as the software that ran.</summary>
    public IReadOnlyList<string> Versions { get; init; } = [];

    public IEnumerable<string> Problems()
    {
        if (AttemptsMax is < 1 or > 100) yield return $"runner.attemptsMax is {AttemptsMax}; allowed is 1 to 100";
        if (RetryDelay < TimeSpan.Zero) yield return "runner.retryDelay must not be negative";
    }
}
