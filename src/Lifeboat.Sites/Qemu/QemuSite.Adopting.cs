// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Qemu;
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
                throw new SiteException(File.Exists(request.QmpSocket) ? SiteFault.AgentUnreachable
                    : SiteFault.MonitorUnreachable, string.Join("; ", missing));
            var read = await ReadAsync(request, ct);
            var from = new AdoptedFrom(Path.GetFullPath(request.QmpSocket),
                request.GuestAgentSocket is { } given ? Path.GetFullPath(given) : null,
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
        .. File.Exists(request.QmpSocket) ? Array.Empty<string>()
            : [$"there is no monitor socket {request.QmpSocket}: QEMU makes it with -qmp unix:PATH,server=on,wait=off"],
        .. request.GuestAgentSocket is not { } agent || File.Exists(agent) ? Array.Empty<string>()
            : [$"there is no guest agent socket {agent}"],
    ];

    private async Task<ReadInstance> ReadAsync(AdoptRequest request, CancellationToken ct)
    {
        try
        {
            await using var qmp = await QmpClient.ConnectAsync(request.QmpSocket, QmpOptions.Default, _time, ct);
            var process = HostProcess.Find(qmp.ProcessId) ?? throw new SiteException(SiteFault.Refused,
                $"{request.QmpSocket}: the process behind it is not visible here (another container or host?)");
            var network = SiteNetwork.Read(NetworksFile).FirstOrDefault()?.Name ?? SiteNetwork.Default.Name;
            return await new InstanceReader(new ObjectTree(qmp), request.Name, process, network).ReadAsync(ct);
        }
        catch (QmpException e)
        {
            throw Translate(request.Name, e);
        }
    }

    [LoggerMessage(EventIds.InstanceAdopted, LogLevel.Information,
        "Adopted {Instance}: process {ProcessId}, {Disks} disk(s)")]
    private partial void LogAdopted(string instance, int processId, int disks);
}
