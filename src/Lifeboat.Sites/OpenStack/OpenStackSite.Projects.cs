// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Identity;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Projects;

namespace Lifeboat.Sites.OpenStack;

internal sealed partial class OpenStackSite : IMakesProjects
{
    private readonly CloudSettings _login;
    private readonly CloudSession? _projectSession;
    private readonly ProjectBuilder? _projectBuilder;
    private readonly ProjectRemover? _projectRemover;
    private readonly SemaphoreSlim _preparing = new(1, 1);

    public Task<ProjectDescription> DescribeProjectAsync(CancellationToken ct) =>
        AskAsync(() => ProjectDescriber.DescribeAsync(_session, _adminSession, ct));

    public Task<ProjectPlan> PlanProjectAsync(ProjectOrder order, CancellationToken ct) =>
        AsProjectAdminAsync(async admin => (await DraftAsync(admin, order, ct)).Plan);

    public Task<PreparedProject> PrepareProjectAsync(ProjectOrder order, CancellationToken ct) =>
        AsProjectAdminAsync(admin => HoldingAsync(_preparing, async () =>
        {
            var draft = await DraftAsync(admin, order, ct);
            if (draft.Plan is { State: ProjectState.Foreign, Changes.Count: > 0 } && !order.Extend)
                throw new SiteException(SiteFault.Refused, $"project '{draft.Plan.Name}' was not made by Lifeboat, and "
                    + "is changed only when that is asked for (--extend)");
            if (draft.Plan.Changes.Count == 0) return new PreparedProject([], draft.Plan);
            await _projectBuilder!.MakeAsync(draft, ct);
            return new PreparedProject(draft.New is null ? [] : draft.Plan.Changes,
                (await DraftAsync(admin, order, ct)).Plan);
        }, ct));

    public Task<ProjectRemains> ProjectRemainsAsync(CancellationToken ct) => AsProjectAdminAsync(async admin =>
        await _projectRemover!.RemainsAsync(await TargetAsync(admin, ct), ct));

    public Task RemoveProjectAsync(CancellationToken ct) => AsProjectAdminAsync(admin =>
        HoldingAsync(_preparing, async () =>
        {
            await _projectRemover!.RemoveAsync(await TargetAsync(admin, ct), ct);
            return true;
        }, ct));

    private Task<T> AsProjectAdminAsync<T>(Func<CloudSession, Task<T>> act) => AskAsync(async () =>
    {
        if (_projectSession is not { } admin)
            throw new SiteException(SiteFault.Refused, "options.projectCloud is not set: name a login of clouds.yaml "
                + "that may make projects, give roles and set quotas");
        try
        {
            return await act(admin);
        }
        catch (CloudException e) when (e.Fault is CloudFault.Forbidden)
        {
            throw new SiteException(SiteFault.CloudUnauthorised, $"options.projectCloud '{admin.Name}' may not do what "
                + $"is needed to make a project; has it the role admin? {e.Message}", e);
        }
    });

    private Task<ProjectTarget> TargetAsync(CloudSession admin, CancellationToken ct) =>
        ProjectTarget.FindAsync(new KeystoneClient(admin), _session, _login, ct);

    private Task<ProjectDraft> DraftAsync(CloudSession admin, ProjectOrder order, CancellationToken ct) =>
        new ProjectPlanner(admin, _session, _login, _options,
            (project, token) => NeedsAsync(admin, project, order.Servers, token)).DraftAsync(order.Like, ct);

    // As a failover needs it, or a drill, whichever is more: one of them at a time.
    private async Task<ServerNeeds> NeedsAsync(CloudSession admin, KeystoneProject? project,
        IReadOnlyList<InstanceDescription> servers, CancellationToken ct)
    {
        var cloud = await ProjectInventoryAsync(admin, project, servers, ct);
        string TypeHere(string there) => !_options.Map.VolumeTypes.TryGetValue(there, out var here) ? there
            : cloud.VolumeTypes.FirstOrDefault(t => t.Id == here)?.Name ?? here;
        if (servers.Count == 0) return new ServerNeeds(QuotaNeeds.None, [], TypeHere);
        var live = CloudMapper.Map(servers, cloud, _options.Map);
        var drill = CloudMapper.Map(servers, cloud with { Held = new Dictionary<string, HeldThings>() },
            _options.Map, isolated: true);
        return new ServerNeeds(live.Quotas.Or(drill.Quotas),
            [.. live.Gaps.Select(g => $"{g} (so what it needs is not all counted)")], TypeHere);
    }

    // As a member of the project sees it; where there is none yet, as it will be: what everybody may use, nothing own.
    private async Task<CloudInventory> ProjectInventoryAsync(CloudSession admin, KeystoneProject? project,
        IReadOnlyList<InstanceDescription> servers, CancellationToken ct)
    {
        CloudInventory cloud;
        try
        {
            cloud = project is null ? await NewProjectAsync(admin, ct) : await HeldProjectAsync(servers, ct);
        }
        catch (CloudException e) when (e.Fault is CloudFault.Unauthorised or CloudFault.Forbidden)
        {
            // Its login has no role in it yet.
            cloud = await NewProjectAsync(admin, ct);
        }
        // They are what is proposed, so they are no gaps.
        return cloud with
        {
            Limits = null, NetworkQuotas = null, VolumeQuotas = new Dictionary<string, CloudQuota>(),
        };
    }

    private async Task<CloudInventory> HeldProjectAsync(IReadOnlyList<InstanceDescription> servers,
        CancellationToken ct)
    {
        var there = await _cloud.Nova.ServersAsync(ct);
        var ports = await _cloud.Neutron.PortsOfProjectAsync(ct);
        var project = await _cloud.InventoryAsync(ct);
        return project with { Held = await HeldAsync(servers, there, ports, project, ct) };
    }

    private static async Task<CloudInventory> NewProjectAsync(CloudSession admin, CancellationToken ct)
    {
        var all = await new CloudClients(admin).InventoryAsync(ct);
        var networks = all.Networks.Where(n => n.External || n.Shared).ToList();
        return all with
        {
            ProjectId = "(to be made)", Networks = networks,
            Subnets = [.. all.Subnets.Where(s => networks.Any(n => n.Id == s.NetworkId))],
            Routers = [], RouterPorts = [], DhcpPorts = [], SecurityGroups = [], FloatingIps = [],
            Keypairs = [], ServerGroups = [],
        };
    }
}
