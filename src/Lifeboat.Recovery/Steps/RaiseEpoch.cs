// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Recovery.Plans;
using Lifeboat.Recovery.Sides;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Gives the group its next epoch and roles at the named sites; from then on older writers are refused there (I2).
/// Needs: nobody knows a newer epoch. Effect: the definition at those sites. Repeated: the same epoch again changes
/// nothing. Undone: by yet another epoch with the former roles, since an epoch never falls.
/// </summary>
/// <param name="Forks">The site that is left is not asked: the picked point is where the sides may part.</param>
/// <param name="Loser">Of a divergence: the site whose state gives way.</param>
/// <param name="Sites">Told in this order, but this site last: a refusal of the other leaves it as it is.</param>
[Step("raise-epoch")]
public sealed record RaiseEpoch(Roles To, Roles From, IReadOnlyList<string> Sites, bool Forks = false,
    string? Loser = null) : IUndoableStep
{
    public string Describe() => To.Primary == From.Primary
        ? $"raise the epoch to {To.Epoch} at {string.Join(" and ", Sites)}"
        : $"make {To.Primary} the primary site in epoch {To.Epoch}, known at {string.Join(" and ", Sites)}";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var now = await context.GroupAsync(ct);
        if (now.Epoch > To.Epoch)
        {
            throw new ProblemException(ReasonCode.PrimaryMoved,
                $"group {now.Name} is already in epoch {now.Epoch}; this run wanted {To.Epoch}",
                $"Its primary site is {now.PrimarySite}.");
        }
        var next = now.Epoch == To.Epoch ? now
            : GivingUp(InRoles(now, To) with { Fork = ForkOf(now, context) }, context);
        Invariant.Holds(next.PrimarySite == To.Primary, "an epoch has one primary site");
        foreach (var site in Ordered(context)) await site.SetGroupAsync(next, ct);
        return StepOutcome.Saw($"{next.PrimarySite} is primary in epoch {next.Epoch}") with
        {
            Warnings =
            [
                .. next.Former.Where(f => f.GivenUp == next.Epoch).Select(f =>
                    $"the group goes on without {f.Volume.Name}: the point is older than that volume; "
                    + $"its state stays on its disk at {f.Site}"),
            ],
        };
    }

    public async Task UndoAsync(StepContext context, CancellationToken ct)
    {
        var now = await context.GroupAsync(ct);
        foreach (var site in Ordered(context))
        {
            if (await site.GroupAsync(context.Run.Group, ct) is { } theirs && theirs.Supersedes(now)) now = theirs;
        }
        if (now.Epoch < To.Epoch) return;
        var back = now.Epoch == To.Epoch
            ? InRoles(now, From with { Epoch = To.Epoch.Next() }) with
            {
                Fork = context.Run.Before.Fork,
                Members = Ordered(context.Run.Before.Members, now),
                Former = context.Run.Before.Former,
            }
            : now;
        foreach (var site in Ordered(context)) await site.SetGroupAsync(back, ct);
    }

    // In which order they boot is people's, and may have been edited meanwhile.
    private static IReadOnlyList<GroupMember> Ordered(IReadOnlyList<GroupMember> before, GroupDefinition now) =>
    [
        .. from member in before
           let last = now.Members.FirstOrDefault(m => m.Instance == member.Instance)
           select last is null ? member : member with { BootOrder = last.BootOrder },
    ];

    private GroupFork? ForkOf(GroupDefinition now, StepContext context)
    {
        if (!Forks) return Loser is null ? null : now.Fork! with { Loser = Loser };
        var point = context.Output<PickedPoint>().Point;
        return new GroupFork(point.Id, point.Sequence, point.CutAt, From.Epoch, To.Epoch, context.Time.GetUtcNow(),
            From.Primary);
    }

    // A volume that was added after the point is not among the disks that the instances will run from.
    private GroupDefinition GivingUp(GroupDefinition next, StepContext context) =>
        Forks && context.Output<PickedPoint>().Point.Without is { } later
            ? next.GivingUp([.. later], From.Primary, To.Epoch) : next;

    private static GroupDefinition InRoles(GroupDefinition group, Roles roles) => group with
    {
        Version = group.Version + 1,
        Epoch = roles.Epoch,
        PrimarySite = roles.Primary,
        RecoverySite = roles.Recovery,
        Suspension = null, // what was suspended is over: this direction is another
    };

    private IEnumerable<ISiteSide> Ordered(StepContext context) =>
        Sites.OrderBy(s => s == context.Here.Name).Select(context.Side);
}
