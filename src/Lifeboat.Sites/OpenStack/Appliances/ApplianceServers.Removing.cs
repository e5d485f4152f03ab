// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Http;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Appliances;

// An appliance goes when it had no volume for a while, or is lost; and what hung on it with it. What a controller that
// was killed has left is found by its marks.
internal sealed partial class ApplianceServers
{
    private static readonly TimeSpan TendEvery = TimeSpan.FromSeconds(15);

    private readonly Dictionary<string, long> _lastUsed = new(StringComparer.Ordinal);
    private bool _mayBeLeft = true;

    /// <summary>Until ct: removes those that are not needed any more.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        using var timer = new PeriodicTimer(TendEvery, _time);
        while (await timer.WaitForNextTickAsync(ct))
        {
            try
            {
                await TendAsync(ct);
            }
            catch (CloudException e)
            {
                LogNotTended(e.Message);
            }
        }
    }

    /// <summary>Removes those that are not needed any more; what hung on them at a later look. Asks nothing of the
    /// cloud once nothing is left.</summary>
    /// <returns>True: there is none, and nothing of one.</returns>
    public async Task<bool> TendAsync(CancellationToken ct)
    {
        if (!_mayBeLeft) return true;
        var mine = await MineAsync(ct);
        foreach (var server in mine.Where(s => s.TaskState != "deleting"))
            if (await IsUnusedAsync(server, ct))
            {
                await _cloud.Nova.DeleteServerAsync(server.Id, ct);
                _ready.TryRemove(server.Id, out _);
                LogRemoved(server.Id);
            }
        await ClearAddressesAsync(ct);
        return mine.Count == 0 && _chosen.IsEmpty && await ClearGroupsAsync(ct) && !(_mayBeLeft = !_chosen.IsEmpty);
    }

    private async Task<bool> IsUnusedAsync(NovaServer server, CancellationToken ct)
    {
        var number = ApplianceMarks.NumberOf(server);
        var used = server.Status == "BUILD" || _chosen.Any(c => c.Value == number)
            || await HasVolumesAsync(server.Id, ct);
        if (used || !_lastUsed.TryGetValue(server.Id, out var last))
            _lastUsed[server.Id] = last = _time.GetTimestamp();
        return !used && (ApplianceMarks.IsLost(server) || _time.GetElapsedTime(last) >= _settings.Keep);
    }

    // One that is gone by now has none.
    private async Task<bool> HasVolumesAsync(string server, CancellationToken ct)
    {
        try
        {
            return (await _cloud.Nova.AttachmentsAsync(server, ct)).Count > 0;
        }
        catch (CloudException e) when (e.Fault is CloudFault.NotFound)
        {
            return false;
        }
    }

    // Deleting the server takes its volumes out of it, whatever state it is in.
    private async Task RetireAsync(string server, string why, CancellationToken ct)
    {
        _ready.TryRemove(server, out _);
        LogLost(server, why);
        await _cloud.Nova.DeleteServerAsync(server, ct);
        await _wait.UntilGoneAsync(server, _limits.Stop, ct);
        await ClearAddressesAsync(ct);
        _mayBeLeft = true;
        LogRemoved(server);
    }

    private async Task ClearAddressesAsync(CancellationToken ct)
    {
        if (_settings.FloatingPool is null) return;
        foreach (var address in await _cloud.Neutron.FloatingIpsAsync(ct))
            if (Marks.ServerOf(address.Description) is { } server
                && await _cloud.Nova.FindServerAsync(server, ct) is null or { Status: "DELETED" })
                await _cloud.Neutron.DeleteFloatingIpAsync(address.Id, ct);
    }

    private async Task<bool> ClearGroupsAsync(CancellationToken ct)
    {
        try
        {
            foreach (var group in await GroupsAsync(ct)) await _cloud.Neutron.DeleteSecurityGroupAsync(group.Id, ct);
            foreach (var group in await _cloud.Nova.ServerGroupsAsync(ct))
                if (group.Name == Marks.GroupName) await _cloud.Nova.DeleteServerGroupAsync(group.Id, ct);
            return true;
        }
        catch (CloudException e) when (e.Fault is CloudFault.Conflict)
        {
            return false; // another controller makes an appliance just now
        }
    }

    [LoggerMessage(EventIds.ApplianceLost, LogLevel.Warning, "Appliance {ServerId} is taken for lost: {Why}")]
    private partial void LogLost(string serverId, string why);

    [LoggerMessage(EventIds.ApplianceRemoved, LogLevel.Information, "Appliance {ServerId} is removed")]
    private partial void LogRemoved(string serverId);

    [LoggerMessage(EventIds.AppliancesNotTended, LogLevel.Warning,
        "Appliances that are not needed any more could not be removed: {Message}")]
    private partial void LogNotTended(string message);
}
