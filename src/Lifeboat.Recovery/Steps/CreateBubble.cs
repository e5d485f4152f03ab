// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Makes the isolated networks of a drill. Needs: a driver that can. Effect: the bubble. Repeated: the same bubble by
/// its name. Undone: deleted.
/// </summary>
[Step("create-bubble")]
public sealed record CreateBubble : IUndoableStep
{
    public string Describe() => "make isolated networks";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var group = await context.GroupAsync(ct);
        var members = group.Members.Select(m => m.Description).ToList();
        await context.Require<IMakesBubbles>().CreateBubbleAsync(context.Tag, members, ct);
        var networks = members.SelectMany(m => m.Nics).Select(n => n.Network).Distinct().Order();
        return StepOutcome.Saw($"bubble {context.Tag} with {string.Join(", ", networks)}");
    }

    public Task UndoAsync(StepContext context, CancellationToken ct) =>
        context.Require<IMakesBubbles>().DeleteBubbleAsync(context.Tag, ct);
}
