// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Recovery.Runs;

/// <summary>One execution of a plan, whole: enough to go on with after the controller was killed.</summary>
public sealed record Run
{
    public required Guid Id { get; init; }
    public required string Group { get; init; }
    public required RunKind Kind { get; init; }
    public required string Site { get; init; }
    public required RunState State { get; init; }
    public ReasonCode Reason { get; init; }
    public string? Detail { get; init; }
    public required RunInput Input { get; init; }
    /// <summary>The group when the run was asked for.</summary>
    public required GroupDefinition Before { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    /// <summary>Who approved it, and when; null: it needs none, or waits for it.</summary>
    public RunApproval? Approval { get; init; }
    public DateTimeOffset? VerifiedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }
    /// <summary>It failed or was cancelled, and is cleaning up or undoing.</summary>
    public bool Unwinding { get; init; }
    public TimeSpan? Predicted { get; init; }
    public long PeerRequests { get; init; }
    public required IReadOnlyList<string> Versions { get; init; }
    /// <summary>W3C trace context of the request that asked for it: its steps belong to that trace, also after a
    /// restart. Null: nobody traced it.</summary>
    public string? TraceParent { get; init; }
    public required IReadOnlyList<RunStep> Steps { get; init; }
    /// <summary>What steps hand to later steps, by the name of its record.</summary>
    public IReadOnlyDictionary<string, JsonElement> Outputs { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>When it could begin: what it waited for somebody's approval is no time of the recovery.</summary>
    public DateTimeOffset BegunAt => Approval?.At ?? CreatedAt;
    /// <summary>From the command until the instances were verified; a planned move from the shutdown on, for it takes
    /// the instances away only then. Null: they were not.</summary>
    public TimeSpan? Took => VerifiedAt - (Steps.FirstOrDefault(s => s.Name == "shut-down-instances")?.StartedAt
        ?? BegunAt);
    public string OtherSite => Before.Other(Site);
    public bool Finished => FinishedAt is not null;
    public IEnumerable<string> Warnings => Steps.SelectMany(s => s.Warnings);

    public T? Find<T>() where T : class =>
        Outputs.TryGetValue(typeof(T).Name, out var json) ? json.Deserialize<T>(RunJson.Options) : null;

    public Run With(RunStep step) =>
        this with { Steps = [.. Steps.Select(s => s.Index == step.Index ? step : s)] };

    public Run WithOutput(object output) => this with
    {
        Outputs = new Dictionary<string, JsonElement>(Outputs)
        {
            [output.GetType().Name] = JsonSerializer.SerializeToElement(output, output.GetType(), RunJson.Options),
        },
    };
}

public sealed record RunApproval(string By, DateTimeOffset At);

/// <summary>What was asked for beyond the kind.</summary>
public sealed record RunInput(Guid? PointId, IReadOnlyList<string> Checks, TimeSpan? Hold, string? IdempotencyKey)
{
    public static readonly RunInput None = new(null, [], null, null);

    /// <summary>Of a drill that is held open: who may look at what, as <see cref="DrillWay"/> is written.</summary>
    public IReadOnlyList<string> Ways { get; init; } = [];
    /// <summary>Of a resolve: what was chosen.</summary>
    public Resolution? Resolution { get; init; }
    /// <summary>Who asked for it; null: the site by itself.</summary>
    public string? RequestedBy { get; init; }
    /// <summary>Somebody else has to approve it before it begins.</summary>
    public bool FourEyes { get; init; }
    /// <summary>Somebody knows what is missing, and wants it all the same.</summary>
    public bool DespiteGaps { get; init; }
}
