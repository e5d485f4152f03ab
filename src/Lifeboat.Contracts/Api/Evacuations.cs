// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Contracts.Api;

/// <summary>
/// Asks for the groups of a site, or some of them, to be moved to this one in waves. Refused with all that is in the
/// way of any of them.
/// </summary>
public sealed record StartEvacuationRequest
{
    /// <summary>The site that is left; null: the only one whose groups are recovered to this one.</summary>
    public string? From { get; init; }
    /// <summary>Only these; empty: all that run there and are recovered to this site.</summary>
    public IReadOnlyList<string> Groups { get; init; } = [];
    /// <summary>All but these.</summary>
    public IReadOnlyList<string> Except { get; init; } = [];
    /// <summary>Empty: by priority. Who is in none of them comes behind, by priority.</summary>
    public IReadOnlyList<WantedWave> Waves { get; init; } = [];
    /// <summary>Runs under way at a time, 1 to 64.</summary>
    public int Parallel { get; init; } = 4;
    /// <summary>Each wave but the first waits for `continue`.</summary>
    public bool HoldBetweenWaves { get; init; }
    /// <summary>Later waves have their turn though a group could not be moved; else they are left.</summary>
    public bool KeepGoing { get; init; }
    /// <summary>
    /// The site that is left is lost, its instances are gone for good: it is asked nothing, and what it had not sent is
    /// lost. Else every move is a planned one, which loses nothing.
    /// </summary>
    public bool SourceIsDead { get; init; }
    /// <summary>
    /// What the site lacks for the instances is told and keeps nothing from beginning; each run goes as far as it
    /// comes.
    /// </summary>
    public bool DespiteGaps { get; init; }
    /// <summary>Of every run, in addition to its group's own.</summary>
    public IReadOnlyList<string> Checks { get; init; } = [];
}

/// <param name="Number">1 to 100; only the order counts.</param>
/// <param name="Members">Groups, or applications with all their groups.</param>
public sealed record WantedWave(int Number, IReadOnlyList<string> Members);

/// <summary>What an evacuation would do, without doing it.</summary>
/// <param name="Kind">Of its runs.</param>
/// <param name="Predicted">All waves, from what earlier runs took; null: none was ever measured.</param>
/// <param name="Unmeasured">Groups whose move was never measured: they count for nothing.</param>
/// <param name="Problems">What is in its way; while there is any it is not begun.</param>
/// <param name="Notes">What keeps nothing from beginning and is worth knowing.</param>
public sealed record EvacuationPlan(string Site, string? From, RunKind Kind, int Parallel,
    IReadOnlyList<PlannedWave> Waves, TimeSpan? Predicted, int Unmeasured, IReadOnlyList<string> Problems,
    IReadOnlyList<string> Notes);

public sealed record PlannedWave(int Number, TimeSpan? Predicted, IReadOnlyList<PlannedEvacuee> Groups);

/// <param name="Lag">What was not sent yet, as the source says; null: it is not asked, or does not say.</param>
/// <param name="Exposure">Age of the newest sealed point: what is lost when the source is dead.</param>
/// <param name="Predicted">Null: never measured.</param>
public sealed record PlannedEvacuee(string Group, string? Application, GroupState State, TimeSpan? Lag,
    TimeSpan? Exposure, TimeSpan? Predicted);

public sealed record EvacuationInfo
{
    public required Guid Id { get; init; }
    /// <summary>The site that groups are moved to, and the one that they leave.</summary>
    public required string Site { get; init; }
    public required string From { get; init; }
    /// <summary>The one tenant that it is about; null: it is the site's.</summary>
    public string? Tenant { get; init; }
    public required EvacuationState State { get; init; }
    public string? Detail { get; init; }
    public required RunKind Kind { get; init; }
    public required int Parallel { get; init; }
    public required bool HoldBetweenWaves { get; init; }
    public required bool KeepGoing { get; init; }
    public string? RequestedBy { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }
    /// <summary>From when it was asked for to its end, or now.</summary>
    public required TimeSpan Elapsed { get; init; }
    /// <summary>Whose turn it is, of how many.</summary>
    public required int Wave { get; init; }
    public required int Waves { get; init; }
    /// <summary>In the order of their turns.</summary>
    public required IReadOnlyList<EvacueeInfo> Groups { get; init; }

    public bool Finished => FinishedAt is not null;
}

/// <param name="Run">Its run; null: none was begun.</param>
/// <param name="Reason">Why it could not be moved; while it is starting, why it waits.</param>
/// <param name="Took">From when its run was asked for to its end, or now; null: its turn has not come.</param>
public sealed record EvacueeInfo(string Group, int Wave, EvacueeState State, Guid? Run, ReasonCode Reason,
    string? Detail, TimeSpan? Predicted, TimeSpan? Took);
