// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Qemu;

namespace Lifeboat.Quiescing.GuestAgent;

// qemu-ga in the guest: fsfreeze with the guest's hooks on Linux, VSS on Windows. Only the thaw tells whether it held:
// VSS lets go by itself after 10 s and says so then, and the hooks' results are in a log that a frozen agent does not
// read out. While it is frozen an agent knows fsfreeze, status, sync and ping, and nothing else.
[QuiesceProvider(QuiesceStep.GuestAgent)]
public sealed class QemuGuestAgent(QuiesceTarget target) : IQuiesceProvider
{
    // Answered late, there would be no time for the checkpoint before the dead man thaws.
    private const double ShareOfLimit = 0.7;

    private readonly GuestTimer _timer = new(target);
    private readonly HookLog _hooks = new(target);
    private int? _frozen;

    public Consistency Reaches => target.Setting("reaches") == "file-system"
        ? Consistency.FileSystem : Consistency.Application;

    public IEnumerable<string> Problems() =>
    [
        .. target.SettingProblems([], "reaches", "mount-points", "hook-log", "guest-timer", "vss-writers"),
        .. Choice("reaches", "application", "file-system"), .. Choice("guest-timer", "yes", "no"),
        .. Choice("vss-writers", "yes", "no"),
    ];

    public Task<QuiesceAnswer> QuiesceAsync(QuiesceCall call, CancellationToken ct) => GuestAgents.AskAsync(async () =>
    {
        var before = target.Time.GetTimestamp();
        var timer = await _timer.ArmAsync(call, ct);
        await _hooks.MarkAsync(ct);
        var left = (call.Limit - target.Time.GetElapsedTime(before)) * ShareOfLimit;
        if (left <= TimeSpan.Zero) throw new QuiesceProviderException(ProviderFault.Timeout, "no time was left");
        var count = await FreezeAsync(GuestAgents.Client(target, left), ct);
        _frozen = count;
        return new QuiesceAnswer(Reaches, $"froze {count} file systems; its hooks did not fail{timer}");
    });

    public Task<ThawAnswer> ThawAsync(QuiesceCall call, CancellationToken ct) => GuestAgents.AskAsync(async () =>
    {
        var agent = GuestAgents.Client(target, call.Limit);
        int thawed;
        try
        {
            thawed = await agent.ThawAsync(ct);
        }
        catch (QmpException e) when (e.Fault == QmpFault.Refused)
        {
            // VSS that could not hold says so here, and holds nothing any more; one that still does is not thawed.
            if (await agent.IsFrozenAsync(ct)) throw;
            return new ThawAnswer(false, $"it was not frozen any more: {e.Message}");
        }
        await _timer.DisarmAsync(ct);
        var (hooked, hooks) = await _hooks.ReadAsync(ct);
        var (wrote, writers) = await VssWriters.ReadAsync(target, ct);
        // Without a memory of the freeze (another process thaws) a count says enough.
        var held = thawed > 0 || _frozen == 0;
        return new ThawAnswer(held && hooked && wrote, $"thawed {thawed} file systems{hooks}{writers}");
    });

    public Task<QuiesceState> StateAsync(CancellationToken ct) => GuestAgents.AskAsync(async () =>
        await GuestAgents.Client(target, TimeSpan.FromSeconds(3)).IsFrozenAsync(ct)
            ? QuiesceState.Quiesced : QuiesceState.Thawed);

    private async Task<int> FreezeAsync(GuestAgentClient agent, CancellationToken ct)
    {
        if (target.Setting("mount-points") is not { } only) return await agent.FreezeAsync(ct);
        var points = new JsonArray([.. only.Split(',',
            StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(p => (JsonNode)p)]);
        return (await agent.ExecuteAsync("guest-fsfreeze-freeze-list", new JsonObject { ["mountpoints"] = points }, ct))
            .GetInt32();
    }

    private IEnumerable<string> Choice(string name, params string[] allowed)
    {
        if (target.Setting(name) is { } value && !allowed.Contains(value))
            yield return $"setting '{name}' is '{value}'; allowed is {string.Join(" or ", allowed)}";
    }
}
