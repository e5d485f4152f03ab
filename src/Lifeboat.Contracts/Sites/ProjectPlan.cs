// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Sites;

public enum ProjectState
{
    Missing = 1,
    /// <summary>Made by Lifeboat, and not whole: an attempt was cut short.</summary>
    Begun = 2,
    /// <summary>Made by Lifeboat.</summary>
    Made = 3,
    /// <summary>Somebody else's: it is only extended, and only when that is asked for.</summary>
    Foreign = 4,
}

public enum ProjectChangeKind { Project = 1, Role = 2, Quota = 3 }

/// <param name="What">E.g. `user alice of Default`, `compute.cores`.</param>
/// <param name="From">What there is now; null: nothing.</param>
/// <param name="To">What there will be.</param>
public sealed record ProjectChange(ProjectChangeKind Kind, string What, string? From, string To);

/// <summary>What a described project becomes at this cloud.</summary>
/// <param name="Name">Of the project here: the one that the site's own login is of.</param>
/// <param name="Gaps">What cannot be made as it is there; all at once.</param>
/// <param name="Notes">What is different here, and left as it is.</param>
/// <param name="ToDo">What nobody but people can do then.</param>
public sealed record ProjectPlan(string Name, string Domain, ProjectState State, IReadOnlyList<ProjectChange> Changes,
    IReadOnlyList<string> Gaps, IReadOnlyList<string> Notes, IReadOnlyList<string> ToDo);

/// <param name="Made">What was changed; empty: all of it was there.</param>
/// <param name="Now">What is still open.</param>
public sealed record PreparedProject(IReadOnlyList<ProjectChange> Made, ProjectPlan Now);

/// <summary>What would keep the project of this site from being removed.</summary>
/// <param name="Holds">What is in it, and its users would lose; empty: it can go.</param>
/// <param name="Notes">What was not looked into.</param>
public sealed record ProjectRemains(string Name, string Domain, ProjectState State, IReadOnlyList<string> Holds,
    IReadOnlyList<string> Notes);
