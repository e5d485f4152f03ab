// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Contracts.Api;

/// <summary>Asks for a protection group; to be sent to the site that runs the instances.</summary>
public sealed record CreateGroupRequest
{
    /// <summary>
    /// Of the tenant that the request is about, else of the default one; a user of the site may give a full name.
    /// </summary>
    public required string Name { get; init; }
    /// <summary>A paired site.</summary>
    public required string RecoverySite { get; init; }
    public required IReadOnlyList<MemberRequest> Members { get; init; }
    /// <summary>Null: the named one's, or the defaults.</summary>
    public Policy? Policy { get; init; }
    /// <summary>A named policy of the group's tenant that it follows; null: its policy is its own.</summary>
    public string? PolicyName { get; init; }
    /// <summary>
    /// Names of the fields of <see cref="Policy"/> that are the group's own, though it follows a named policy.
    /// </summary>
    public IReadOnlyList<string> Overrides { get; init; } = [];
    /// <summary>Groups of the same application share cuts; null: it stands alone.</summary>
    public string? Application { get; init; }
    /// <summary>What a run verifies, see <see cref="Lifeboat.Protection.Plans.Check"/>.</summary>
    public IReadOnlyList<string> Checks { get; init; } = [];
    /// <summary>Names that lead to its instances wherever they run; null: none.</summary>
    public GroupDns? Dns { get; init; }
    /// <summary>Suspended from the start, e.g. until a seed has been carried; null: it begins at once.</summary>
    public SuspendGroupRequest? Suspend { get; init; }
}

/// <param name="Instance">Known to the site (started by it or adopted).</param>
/// <param name="BootOrder">Lower boots first; equal numbers boot together.</param>
/// <param name="ExcludedDisks">Names of disks not to replicate; the copy is built without them.</param>
/// <param name="TargetDisks">
/// Disk name to an existing raw file or block device at the recovery site that takes the copy; others get files of the
/// agent there.
/// </param>
/// <param name="Volumes">
/// Of a volume-only member, which is the only one of its group: names or ids of volumes of the site's cloud. The member
/// is called as the group is; its instance is left empty.
/// </param>
public sealed record MemberRequest(string Instance, int BootOrder = 0, MemberKind Kind = MemberKind.Replicated,
    IReadOnlyList<string>? ExcludedDisks = null, IReadOnlyDictionary<string, string>? TargetDisks = null,
    IReadOnlyList<string>? Volumes = null);

/// <summary>
/// Stops shipping for a while. Writes go on being captured, into the log of the source's agent; it resumes by itself.
/// Asked again: the reason and the time from now replace the former ones.
/// </summary>
/// <param name="Reason">For people; at most 200 characters.</param>
/// <param name="For">More than zero, at most 30 days.</param>
public sealed record SuspendGroupRequest(string Reason, TimeSpan For);

/// <summary>Cuts a recovery point now.</summary>
/// <param name="Quiesce">Freeze the guests first (application-consistent); else crash-consistent.</param>
public sealed record CreatePointRequest(bool Quiesce, string? Label = null);
