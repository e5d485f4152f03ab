// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Qemu;
using Lifeboat.Qemu.Libvirt;
using Lifeboat.Sites.Qemu.Instances;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.Qemu;

// shutdown=pause by QMP (an adopted QEMU was started without) -> ask the guest (its agent, else the power button)
//   -> look until QEMU says `shutdown`. The guest's file systems are unmounted then, and QEMU still holds the disks.
// A libvirt ends the QEMU of a guest that has powered off: all it wrote was captured before, and it is down all the
// same.
internal sealed partial class QemuSite : IRestartsInstances
{
    private static readonly TimeSpan LookForEnd = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(10);
    private static readonly QmpOptions AgentPatience =
        QmpOptions.Default with { ConnectLimit = TimeSpan.FromSeconds(3), CommandLimit = TimeSpan.FromSeconds(10) };

    public Task ShutDownAsync(string instance, TimeSpan limit, CancellationToken ct) => AloneAsync(instance, async () =>
    {
        var record = Known(instance);
        if (ProcessOf(record) is null)
            return LibvirtOf(record) is not null ? true
                : throw new SiteException(SiteFault.Refused, $"{instance} does not run, so it cannot be shut down");
        if (await TalkAsync(record, qmp => StatusAsync(qmp, ct), ct) == InstancePower.ShutDown) return true;

        await TalkAsync(record, qmp => SetShutdownActionAsync(qmp, "pause", ct), ct);
        var start = _time.GetTimestamp();
        var asked = -AskAgain;
        while (_time.GetElapsedTime(start) is var waited && waited < limit)
        {
            if (waited - asked >= AskAgain)
            {
                await AskForShutdownAsync(record, byAgent: asked < TimeSpan.Zero, ct);
                asked = waited;
            }
            await Task.Delay(LookForEnd, _time, ct);
            if (!await IsDownAsync(record, ct)) continue;
            LogShutDown(instance, _time.GetElapsedTime(start).TotalSeconds);
            return true;
        }
        // Left as it is: an instance that is not ours gets its own habit back.
        if (record.Adopted is not null)
            await TalkAsync(record, qmp => SetShutdownActionAsync(qmp, "poweroff", ct), ct);
        throw new SiteException(SiteFault.Timeout,
            $"{instance}: the guest did not shut down within {limit.TotalSeconds:0} s; it is left running");
    }, ct);

    private async Task<bool> IsDownAsync(InstanceRecord record, CancellationToken ct)
    {
        try
        {
            return await TalkAsync(record, qmp => StatusAsync(qmp, ct), ct) == InstancePower.ShutDown;
        }
        catch (SiteException) when (LibvirtOf(record) is not null && ProcessOf(record) is null)
        {
            return true;
        }
    }

    public Task RestartAsync(string instance, CancellationToken ct) => AloneAsync(instance, async () =>
    {
        var record = Known(instance);
        if (LibvirtOf(record) is { } address)
        {
            await StartAgainAsync(instance, address, ct);
            return true;
        }
        if (ProcessOf(record) is null)
            throw new SiteException(SiteFault.Refused, $"{instance} was stopped; there is nothing to boot again");
        await TalkAsync(record, qmp => BootAgainAsync(qmp, record, ct), ct);
        LogRestarted(instance);
        return true;
    }, ct);

    private async Task StartAgainAsync(string instance, LibvirtAddress address, CancellationToken ct)
    {
        try
        {
            await LibvirtDomains.StartAsync(address, ct);
        }
        catch (QmpException e)
        {
            throw Translate(instance, e);
        }
        LogRestarted(instance);
    }

    private static async Task<bool> BootAgainAsync(QmpClient qmp, InstanceRecord record, CancellationToken ct)
    {
        if (await StatusAsync(qmp, ct) != InstancePower.ShutDown) return false;
        // `-no-reboot` turns the reset below into another shut-down; an adopted QEMU may have been started with it.
        await qmp.ExecuteAsync("set-action", new JsonObject { ["reboot"] = "reset" }, ct);
        await qmp.ExecuteAsync("system_reset", null, ct);
        await qmp.ExecuteAsync("cont", null, ct);
        if (record.Adopted is not null) await SetShutdownActionAsync(qmp, "poweroff", ct);
        return true;
    }

    private static Task<JsonElement> SetShutdownActionAsync(QmpClient qmp, string action, CancellationToken ct) =>
        qmp.ExecuteAsync("set-action", new JsonObject { ["shutdown"] = action }, ct);

    private async Task AskForShutdownAsync(InstanceRecord record, bool byAgent, CancellationToken ct)
    {
        if (byAgent && GuestAgentOf(record) is { } socket)
        {
            try
            {
                await new GuestAgentClient(socket, AgentPatience, _time).ShutdownAsync(ct);
                return;
            }
            catch (QmpException e)
            {
                LogAgentRefused(record.Name, e.Message);
            }
        }
        await TalkAsync(record, qmp => qmp.ExecuteAsync("system_powerdown", null, ct), ct);
    }

    [LoggerMessage(EventIds.InstanceShutDown, LogLevel.Information, "{Instance} shut down after {Seconds:0.0} s")]
    private partial void LogShutDown(string instance, double seconds);

    [LoggerMessage(EventIds.InstanceRestarted, LogLevel.Information, "{Instance} boots again after its shut-down")]
    private partial void LogRestarted(string instance);

    [LoggerMessage(EventIds.ShutDownByAgentRefused, LogLevel.Information,
        "The guest agent of {Instance} did not take the shut-down ({Reason}); pressing the power button")]
    private partial void LogAgentRefused(string instance, string reason);
}
