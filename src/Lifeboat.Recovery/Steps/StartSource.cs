// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Begins to capture at the primary site. Needs: a replica at the recovery site. Effect: every write from now on is in
/// the stream. Repeated: a source that runs is left alone. Undone: stopped.
/// </summary>
[Step("start-source")]
public sealed record StartSource(string Site) : IUndoableStep
{
    public string Describe() => $"start capture at {Site}";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        await context.Side(Site).StartSourceAsync(context.Run.Group, ct);
        return StepOutcome.Saw($"{Site} captures in epoch {(await context.GroupAsync(ct)).Epoch}");
    }

    public Task UndoAsync(StepContext context, CancellationToken ct) =>
        context.Side(Site).StopSourceAsync(context.Run.Group, ct);
}
