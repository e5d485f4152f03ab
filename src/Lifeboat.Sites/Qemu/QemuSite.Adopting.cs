// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Qemu;
using Lifeboat.Qemu.Libvirt;
using Lifeboat.Sites.Qemu.Adopting;
using Lifeboat.Sites.Qemu.Host;
using Lifeboat.Sites.Qemu.Instances;
using Lifeboat.Sites.Qemu.Networks;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.Qemu;

internal sealed partial class QemuSite : IAdoptsInstances
{
    public Task<SiteInstance> AdoptAsync(AdoptRequest request, CancellationToken ct) =>
        AloneAsync(request.Name, async () =>
        {
            if (Missing(request) is { Count: > 0 } missing)
                throw new SiteException(IsThere(request.QmpSocket) ? SiteFault.AgentUnreachable
                    : SiteFault.MonitorUnreachable, string.Join("; ", missing));
            var read = await ReadAsync(request, ct);
            var from = new AdoptedFrom(read.Monitor, request.GuestAgentSocket is { } given
                    ? LibvirtAddress.Absolute(given)
                    : read.Description.GuestAgent && LibvirtAddress.IsLike(read.Monitor) ? read.Monitor : null,
                read.Process.Id, read.Process.StartTicks);

            foreach (var other in _store.ReadAll())
            {
                if (ProcessOf(other) is not { } running) continue;
                if (other.Name != request.Name && running == read.Process)
                    throw new SiteException(SiteFault.InstanceExists,
                        $"{request.QmpSocket} is '{other.Name}', which this site knows already");
                if (other.Name != request.Name) continue;
                if (running != read.Process || other.Adopted is null)
                    throw new SiteException(SiteFault.InstanceExists,
                        $"another instance '{request.Name}' runs at this site; adopt this one under another name");
                // The same again: what was read at first stays, the monitor now shows our own capture in it.
                return await DescribeAsync(
                    _store.Write(other with { Adopted = from, Host = request.Host ?? other.Host }), ct);
            }

            var before = _store.Read(request.Name);
            var record = new InstanceRecord
            {
                Name = request.Name,
                Description = read.Description,
                Adopted = from,
                Host = request.Host ?? before?.Host,
                Generation = before?.Generation ?? 0,
                Disks = read.Disks,
            };
            _store.Write(record);
            LogAdopted(request.Name, read.Process.Id, read.Disks.Count);
            return await DescribeAsync(record, ct);
        }, ct);

    private static List<string> Missing(AdoptRequest request) =>
    [
        .. IsThere(request.QmpSocket) ? Array.Empty<string>()
            : [$"there is no monitor socket {request.QmpSocket}: QEMU makes it with -qmp unix:PATH,server=on,wait=off"],
        .. request.GuestAgentSocket is not { } agent || IsThere(agent) ? Array.Empty<string>()
            : [$"there is no guest agent socket {agent}"],
    ];

    // What libvirt has is seen when it is asked.
    private static bool IsThere(string socket) => LibvirtAddress.IsLike(socket) || File.Exists(socket);

    private async Task<ReadInstance> ReadAsync(AdoptRequest request, CancellationToken ct)
    {
        try
        {
            await using var qmp = await QmpClient.ConnectAsync(request.QmpSocket, QmpOptions.Default, _time, ct);
            var process = HostProcess.Find(qmp.ProcessId) ?? throw new SiteException(SiteFault.Refused,
                $"{request.QmpSocket}: the process behind it is not visible here (another container or host?)");
            var network = SiteNetwork.Read(NetworksFile).FirstOrDefault()?.Name ?? SiteNetwork.Default.Name;
            var read = await new InstanceReader(new ObjectTree(qmp), request.Name, process, network).ReadAsync(ct);
            return read with { Monitor = await MonitorOfAsync(request, qmp, ct) };
        }
        catch (QmpException e)
        {
            throw Translate(request.Name, e);
        }
    }

    // By its uuid: a domain of libvirt may be renamed.
    private static async Task<string> MonitorOfAsync(AdoptRequest request, QmpClient qmp, CancellationToken ct)
    {
        if (LibvirtAddress.Read(request.QmpSocket) is not { } address) return Path.GetFullPath(request.QmpSocket);
        var uuid = await qmp.ExecuteAsync("query-uuid", null, ct);
        return (address with { Domain = uuid.GetProperty("UUID").GetString()! }).ToString();
    }

    [LoggerMessage(EventIds.InstanceAdopted, LogLevel.Information,
        "Adopted {Instance}: process {ProcessId}, {Disks} disk(s)")]
    private partial void LogAdopted(string instance, int processId, int disks);
}
