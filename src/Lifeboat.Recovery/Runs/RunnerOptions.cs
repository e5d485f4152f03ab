// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Runs;

public sealed record RunnerOptions
{
    public static readonly RunnerOptions Default = new();

    /// <summary>How often a step is tried when its failure may pass (agent or peer not reachable).</summary>
    public int AttemptsMax { get; init; } = 5;
    /// <summary>Wait before the second attempt; doubles with each further one.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);
    /// <summary>What reports name as the software that ran.</summary>
    public IReadOnlyList<string> Versions { get; init; } = [];

    public IEnumerable<string> Problems()
    {
        if (AttemptsMax is < 1 or > 100) yield return $"runner.attemptsMax is {AttemptsMax}; allowed is 1 to 100";
        if (RetryDelay < TimeSpan.Zero) yield return "runner.retryDelay must not be negative";
    }
}
