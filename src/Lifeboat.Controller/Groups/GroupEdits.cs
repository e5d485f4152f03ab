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
internal sealed class GroupEdits(LocalSide here, PeerDirectory peers, ControllerDatabase database)
{
    private readonly GroupLocks _locks = new(database);

    /// <exception cref="ProblemException">DatabaseUnavailable.</exception>
    public Task<IDisposable> EnterAsync(string group, CancellationToken ct) => _locks.EnterAsync($"edit {group}", ct);

    /// <summary>
    /// A group whose instances run here: two sites that both edited the same version while apart would each keep its
    /// own.
    /// </summary>
    /// <param name="what">Is edited, e.g. `policy`.</param>
    /// <exception cref="ProblemException">GroupUnknown, WrongSite.</exception>
    public GroupDefinition Own(string group, string what)
    {
        var now = here.Require(group);
        return now.PrimarySite == here.Name ? now : throw new ProblemException(ReasonCode.WrongSite,
            $"the {what} of group {group} is edited at site {now.PrimarySite}, where it runs; this is {here.Name}",
            $"Ask the controller of {now.PrimarySite}.");
    }

    /// <summary>Keeps it here as the next version, and tells the other site.</summary>
    /// <exception cref="ProblemException">
    /// PreconditionFailed: something that is no edit (a run, a move of its instance) made another version meanwhile.
    /// </exception>
    public async Task<GroupDefinition> SaveAsync(GroupDefinition edited, CancellationToken ct)
    {
        var next = edited with { Version = edited.Version + 1 };
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
