// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Exports the state that gave way as volumes beside, copy-on-write, where it is. Needs: the kept point. Effect: one
/// view that stays until a person closes it. Repeated: the same view by its name. Undone: not; it is in nobody's way.
/// </summary>
[Step("open-kept")]
public sealed record OpenKept(string Site, string Pin) : IStep
{
    public string Describe() => $"export the state of {Site} as volumes";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var view = await context.Side(Site).OpenKeptAsync(context.Run.Group, Pin, ct);
        return StepOutcome.Saw(
        [
            .. view.Volumes.Select(v => $"{v.Name}: nbd+unix:///{v.Export}?socket={v.Socket}"),
            $"`lifeboat point close {context.Run.Group} {Pin}` at {Site} ends them",
        ]);
    }
}
