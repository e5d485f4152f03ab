// SPDX-License-Identifier: Apache-2.0
using System.Collections.Frozen;

namespace Lifeboat.Protection.Policies;

/// <summary>How one instance of a group is brought to rest. One without a rule has a step of its guest agent.</summary>
public sealed record QuiesceRule
{
    public required string Instance { get; init; }
    /// <summary>Lower first, equal ones in the order of the group; on again in reverse.</summary>
    public int Order { get; init; }
    /// <summary>In order; none: it needs no rest and is not waited for.</summary>
    public IReadOnlyList<QuiesceStep> Steps { get; init; } = [];
    /// <summary>Null: as <see cref="Policy.OnQuiesceFailure"/> says.</summary>
    public QuiesceFailure? OnFailure { get; init; }
    /// <summary>Tried anew that often, within the interval, before <see cref="OnFailure"/> counts.</summary>
    public int Retries { get; init; }

    public static QuiesceRule Default(string instance) =>
        new() { Instance = instance, Steps = [new QuiesceStep { Provider = QuiesceStep.GuestAgent }] };

    /// <summary>What is wrong with its form; which providers there are, only sites with agents know.</summary>
    public IEnumerable<string> Problems()
    {
        if (!EntityName.IsValid(Instance)) yield return $"instance is '{Instance}'; {EntityName.Rule}";
        if (Retries is < 0 or > 10) yield return $"{Instance}: retries is {Retries}; allowed is 0 to 10";
        if (Order is < 0 or > 1000) yield return $"{Instance}: order is {Order}; allowed is 0 to 1000";
        if (Steps.Count > 8) yield return $"{Instance}: {Steps.Count} steps; 8 are the most";
        foreach (var problem in Steps.SelectMany(s => s.Problems())) yield return $"{Instance}: {problem}";
    }
}

/// <summary>One thing that is done to bring an instance to rest, and undone to let it go on.</summary>
public sealed record QuiesceStep
{
    public const string GuestAgent = "qemu-ga", GuestScript = "guest-script";

    /// <summary>A provider by its name.</summary>
    public required string Provider { get; init; }
    /// <summary>How long it may take, each way; null: what is left of the whole, and 5 s to thaw.</summary>
    public TimeSpan? Limit { get; init; }
    /// <summary>What the provider's README says. Never secrets: those are in identities.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = FrozenDictionary<string, string>.Empty;

    public IEnumerable<string> Problems()
    {
        if (!EntityName.IsValid(Provider)) yield return $"provider is '{Provider}'; {EntityName.Rule}";
        if (Limit is { } limit && (limit < TimeSpan.FromMilliseconds(100) || limit > TimeSpan.FromMinutes(1)))
            yield return $"{Provider}: limit is {limit}; allowed is 0.1 s to 1 min";
        if (Settings.Count > 32) yield return $"{Provider}: {Settings.Count} settings; 32 are the most";
        foreach (var (name, _) in Settings.Where(s => s.Key.Length > 64 || s.Value.Length > 2000))
            yield return $"{Provider}: setting '{name}' has a name or value that is too long; 64 and 2000 are the most";
    }
}
