// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Groups;

/// <summary>
/// Edits of definitions, one of a group at a time: each reads the definition, and writes the next version of it. Not
/// the lock of the group itself, which writing takes.
/// </summary>
internal sealed class GroupEdits(LocalSide here, PeerDirectory peers, EditWriter writer, ControllerDatabase database,
    TimeProvider time)
{
    private readonly GroupLocks _locks = new(database);

    /// <exception cref="ProblemException">DatabaseUnavailable.</exception>
    public Task<IDisposable> EnterAsync(string group, CancellationToken ct) => _locks.EnterAsync($"edit {group}", ct);

    /// <summary>
    /// A group that is edited here: its instances run here, or at a site that does not answer. What both edit while
    /// they are apart is merged afterwards (<see cref="GroupMerging"/>), but as long as they are not, there is one
    /// place to edit it.
    /// </summary>
    /// <param name="what">Is edited, e.g. `policy`.</param>
    /// <exception cref="ProblemException">GroupUnknown, WrongSite.</exception>
    public GroupDefinition Own(string group, string what)
    {
        var now = here.Require(group);
        if (IsOwn(now)) return now;
        var detail = !peers.IsAway(now.PrimarySite) ? $"Ask the controller of {now.PrimarySite}."
            : $"Site {now.PrimarySite} does not answer, but it is of a release that would not learn of the edit.";
        throw new ProblemException(ReasonCode.WrongSite,
            $"the {what} of group {group} is edited at site {now.PrimarySite}, where it runs; this is {here.Name}",
            detail);
    }

    public bool IsOwn(GroupDefinition group) => group.PrimarySite == here.Name
        || peers.IsAway(group.PrimarySite) && peers.MergesEdits(group.PrimarySite);

    /// <summary>Keeps it here, where it runs as the next version, and tells the other site.</summary>
    /// <param name="now">What was edited.</param>
    /// <param name="said">Fields that the edit was about though they stay as they are.</param>
    /// <exception cref="ProblemException">
    /// InvalidRequest: it would be too long. PreconditionFailed: something that is no edit (a run, a move of its
    /// instance, an edit of the other site) made another version meanwhile.
    /// </exception>
    public async Task<GroupDefinition> SaveAsync(GroupDefinition now, GroupDefinition next,
        IReadOnlyList<string> said, CancellationToken ct)
    {
        next = GroupMerging.Edited(now, next, said, writer.Name, time.GetUtcNow());
        if (next.Edits!.Problems().ToList() is { Count: > 0 } faults)
            throw new ProblemException(ReasonCode.InvalidRequest, $"group {next.Name} cannot be edited so", null,
                faults);
        if (next.PrimarySite != here.Name)
        {
            // The other site has it in the next version that it makes.
            await here.EditGroupAsync(next, ct);
            return next;
        }
        next = next with { Version = next.Version + 1 };
        await here.EditGroupAsync(next, ct);
        try
        {
            await peers.Side(next.RecoverySite).SetGroupAsync(next, ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.PeerUnreachable or ReasonCode.AgentUnreachable
            or ReasonCode.SiteUnknown)
        {
            // It is kept here: the exchange between the sites carries it over when the other one answers.
        }
        return next;
    }
}
