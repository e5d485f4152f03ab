// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Asks the guests at the primary site to shut down, in reverse boot order. Needs: guests that obey within the limit.
/// Effect: all their writes are flushed and captured. Repeated: what is down stays down. Undone: they boot again.
/// </summary>
[Step("shut-down-instances")]
public sealed record ShutDownInstances(string Site, TimeSpan Limit) : IUndoableStep
{
    public string Describe() => $"shut the guests at {Site} down";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var group = await context.GroupAsync(ct);
        var members = StartInstances.Bootable(group).OrderByDescending(m => m.BootOrder).ToList();
        foreach (var (index, member) in members.Index())
        {
            context.Report((double)index / members.Count, member.Instance);
            await context.Side(Site).ShutDownAsync(group.Name, member.Instance, Limit, ct);
        }
        return StepOutcome.Saw($"shut down: {string.Join(", ", members.Select(m => m.Instance))}");
    }

    public async Task UndoAsync(StepContext context, CancellationToken ct)
    {
        var group = await context.GroupAsync(ct);
        foreach (var member in StartInstances.Bootable(group).OrderBy(m => m.BootOrder))
            await context.Side(Site).RestartAsync(group.Name, member.Instance, ct);
    }
}
