// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Contracts.Api;

/// <summary>A description of the project of another site, as it is kept here.</summary>
/// <param name="Version">One more with each change that was seen.</param>
/// <param name="TakenAt">When it was first so.</param>
/// <param name="SeenAt">When it was last so.</param>
public sealed record KeptProject(string Site, long Version, DateTimeOffset TakenAt, DateTimeOffset SeenAt,
    ProjectDescription Project);

/// <summary>Which project is made here, and how.</summary>
public sealed record ProjectRequest
{
    /// <summary>Of its description; null: the newest one.</summary>
    public long? Version { get; init; }
    /// <summary>A project that is here and was not made by Lifeboat gets what it lacks.</summary>
    public bool Extend { get; init; }
    /// <summary>What has no gaps is made, though other things have.</summary>
    public bool DespiteGaps { get; init; }
}
