// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Stops the group's instances at a site that is not primary (any more). Their disks are left as they are (I5).
/// Repeated: stopping what is stopped succeeds. Not undone: two writers are worse than none.
/// </summary>
[Step("stop-instances")]
public sealed record StopInstances(string Site) : IStep
{
    public string Describe() => $"stop what is left of the instances at {Site}";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var group = await context.GroupAsync(ct);
        foreach (var member in group.Members)
            await context.Side(Site).StopAsync(group.Name, member.Instance, ct);
        return StepOutcome.Saw($"none of {string.Join(", ", group.Members.Select(m => m.Instance))} runs at {Site}");
    }
}
