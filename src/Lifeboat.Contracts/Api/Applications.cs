// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Contracts.Api;

/// <summary>Groups that share cuts.</summary>
public sealed record ApplicationInfo(string Name, IReadOnlyList<ApplicationMember> Groups);

/// <param name="PrimarySite">Where its volumes live; groups of one application may live at different sites.</param>
public sealed record ApplicationMember(string Group, string PrimarySite, string RecoverySite,
    IReadOnlyList<string> Volumes);

/// <summary>Cuts one point over all groups of an application.</summary>
public sealed record CreateSharedPointRequest(string? Label = null);

/// <summary>A moment that all groups of an application can be recovered to together.</summary>
/// <param name="Id">The same in every group.</param>
/// <param name="Points">The point of each group, by group.</param>
public sealed record SharedPoint(Guid Id, DateTimeOffset CutAt, string? Label,
    IReadOnlyDictionary<string, RecoveryPoint> Points);

/// <param name="Sealed">In every group.</param>
/// <param name="Held">The longest that acknowledgements of a group were withheld.</param>
public sealed record SharedPointResult(SharedPoint Point, bool Sealed, TimeSpan Held);
