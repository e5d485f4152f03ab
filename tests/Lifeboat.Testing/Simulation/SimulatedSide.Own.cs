// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Instances;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Sites;

namespace Lifeboat.Testing.Simulation;

// What only the site's own runs ask for.
internal sealed partial class SimulatedSide
{
    public Task<IReadOnlyList<RecoveryPoint>> PointsAsync(string group, CancellationToken ct) =>
        AgentAsync(a => Task.FromResult(a.Points()), ct);

    public Task PinAsync(string group, PinRequest request, CancellationToken ct) =>
        AgentAsync(a => a.PinAsync(request), ct);

    public Task UnpinAsync(string group, string name, CancellationToken ct) =>
        AgentAsync(a => a.UnpinAsync(name), ct);

    public Task<ViewInfo> OpenViewAsync(string group, ViewRequest request, CancellationToken ct) =>
        AgentAsync(a => a.OpenViewAsync(request), ct);

    public async Task CloseViewAsync(string group, string name, CancellationToken ct)
    {
        if (host.OnView && host.StartedFrom == name && host.Instance is { Running: true })
            host.World.Violate("I10", $"view {name} is closed under a running instance");
        await AgentAsync(a => a.CloseViewAsync(name), ct);
    }

    public async Task<SiteInstance> StartAsync(StartRequest request, CancellationToken ct)
    {
        await host.PauseAsync(50_000, ct);
        host.World.Drills.Starts(host, request);
        var view = request.Disks[0].ViewSocket!;
        if (request.Bubble is not null)
        {
            await AgentAsync(a => a.ReadViewAsync(view), ct);
            host.Copies.Add(request.Instance);
            return Describe(request);
        }
        if (host.StartedFrom != view || host.Instance is null)
        {
            var content = await AgentAsync(a => a.ReadViewAsync(view), ct);
            host.StartFromView(view, content);
        }
        (host.WantRunning, host.ShutDown) = (true, false);
        host.PowerOn();
        return Describe(request);
    }

    public async Task RemoveAsync(string instance, CancellationToken ct)
    {
        await host.PauseAsync(20_000, ct);
        if (host.Copies.Remove(instance) || instance != SimulatedHost.InstanceName) return;
        host.World.Drills.Stops(host, instance);
        host.WantRunning = false;
        host.Instance?.PowerOff();
        host.StartedFrom = null;
    }

    public async Task<SiteFit> FitAsync(IReadOnlyList<InstanceDescription> instances, bool isolated,
        CancellationToken ct)
    {
        await host.PauseAsync(500, ct);
        return SiteFit.Whole;
    }

    public T? Ability<T>() where T : class => _abilities as T;
    public DateTimeOffset? SourceLastSeen(string group) => null;
    public long PeerRequests(string site) => site == peer.Name ? peer.Requests : 0;

    private static SiteInstance Describe(StartRequest request) => new(request.Instance, InstancePower.Running, false,
        request.Description, "qmp", null, 1, []);
}
