// SPDX-License-Identifier: Apache-2.0
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Contracts.Api;

/// <summary>
/// The controller's API. A refused request throws <see cref="ProblemException"/> with the controller's reason;
/// <see cref="ReasonCode.ControllerUnreachable"/> when nobody answers. Every request may be repeated.
/// </summary>
public sealed partial class ControllerClient : IDisposable
{
    private readonly string _where;
    private readonly HttpClient _http;

    /// <param name="socket">Path of `controller.sock`.</param>
    public ControllerClient(string socket)
    {
        _where = socket;
        _http = new HttpClient(UnixSocketHttp.Handler(socket))
        {
            BaseAddress = new Uri("http://controller/"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <param name="handler">Reaches the controller; disposed with the client.</param>
    /// <param name="address">E.g. `https://10.0.0.1:7401/`.</param>
    public ControllerClient(HttpMessageHandler handler, Uri address)
    {
        _where = address.ToString();
        _http = new HttpClient(handler) { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan };
    }

    public Task<StatusInfo> StatusAsync(CancellationToken ct) =>
        AskAsync<StatusInfo>(HttpMethod.Get, "v1/status", null, ct);
    public Task<SiteInfo> SiteAsync(CancellationToken ct) => AskAsync<SiteInfo>(HttpMethod.Get, "v1/site", null, ct);

    public Task<IReadOnlyList<ControllerInfo>> ControllersAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<ControllerInfo>>(HttpMethod.Get, "v1/controllers", null, ct);

    /// <summary>Makes a one-time token that lets one other site pair with this one.</summary>
    public Task<PairingToken> CreateTokenAsync(CancellationToken ct) =>
        AskAsync<PairingToken>(HttpMethod.Post, "v1/site/tokens", null, ct);

    /// <summary>Pairs this site with the one that made the token; afterwards both trust each other.</summary>
    public Task<PeerInfo> PairAsync(string token, CancellationToken ct) =>
        AskAsync<PeerInfo>(HttpMethod.Post, "v1/site/pair", new PairRequest(token), ct);

    /// <summary>New certificates for this site; connections that are there go on.</summary>
    public Task<RotationResult> RotateCertificatesAsync(RotateCertificatesRequest request, CancellationToken ct) =>
        AskAsync<RotationResult>(HttpMethod.Post, "v1/site/certificates", request, ct);

    public Task<LinkStatus> LinkAsync(string peer, CancellationToken ct) =>
        AskAsync<LinkStatus>(HttpMethod.Get, $"v1/links/{Escape(peer)}", null, ct);

    /// <summary>Changes what is shipped to a paired site and how, without a new connection.</summary>
    public Task<LinkStatus> ChangeLinkAsync(string peer, LinkChange change, CancellationToken ct) =>
        AskAsync<LinkStatus>(HttpMethod.Patch, $"v1/links/{Escape(peer)}", change, ct);

    public Task<IReadOnlyList<SiteInstance>> InstancesAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<SiteInstance>>(HttpMethod.Get, "v1/instances", null, ct);

    public Task<SiteInstance> InstanceAsync(string instance, CancellationToken ct) =>
        AskAsync<SiteInstance>(HttpMethod.Get, $"v1/instances/{Escape(instance)}", null, ct);

    /// <summary>Takes in a running instance that the site did not start; touches nothing in it.</summary>
    public Task<SiteInstance> AdoptAsync(AdoptRequest request, CancellationToken ct) =>
        AskAsync<SiteInstance>(HttpMethod.Post, "v1/instances", request, ct);

    /// <summary>Moves a running instance to another host, and its groups' source to the agent there.</summary>
    public Task<SiteInstance> MigrateInstanceAsync(string instance, MigrateRequest request, CancellationToken ct) =>
        AskAsync<SiteInstance>(HttpMethod.Post, $"v1/instances/{Escape(instance)}/migrate", request, ct);

    public Task<SiteInstance> StartInstanceAsync(StartRequest request, CancellationToken ct) =>
        AskAsync<SiteInstance>(HttpMethod.Post, $"v1/instances/{Escape(request.Instance)}/start", request, ct);

    /// <summary>Stops it hard.</summary>
    public Task StopInstanceAsync(string instance, CancellationToken ct) =>
        TellAsync(HttpMethod.Post, $"v1/instances/{Escape(instance)}/stop", null, ct);

    /// <summary>Stops it and removes the site's record of it; its user's own disks are left alone.</summary>
    public Task RemoveInstanceAsync(string instance, CancellationToken ct) =>
        TellAsync(HttpMethod.Delete, $"v1/instances/{Escape(instance)}", null, ct);

    public Task<IReadOnlyList<GroupInfo>> GroupsAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<GroupInfo>>(HttpMethod.Get, "v1/groups", null, ct);

    public Task<GroupInfo> GroupAsync(string group, CancellationToken ct) =>
        AskAsync<GroupInfo>(HttpMethod.Get, $"v1/groups/{Escape(group)}", null, ct);

    /// <summary>Protects instances. Everything is checked before anything is made.</summary>
    public Task<GroupInfo> CreateGroupAsync(CreateGroupRequest request, CancellationToken ct) =>
        AskAsync<GroupInfo>(HttpMethod.Post, "v1/groups", request, ct);

    /// <summary>Changes the policy as the group runs. To be asked where its instances run.</summary>
    public Task<GroupInfo> ChangePolicyAsync(string group, PolicyChange change, CancellationToken ct) =>
        AskAsync<GroupInfo>(HttpMethod.Patch, $"v1/groups/{Escape(group)}/policy", change, ct);

    /// <summary>Begins to read and verify all of the group's replica. To be asked at its recovery site.</summary>
    public Task<GroupInfo> ScrubAsync(string group, CancellationToken ct) =>
        AskAsync<GroupInfo>(HttpMethod.Post, $"v1/groups/{Escape(group)}/scrub", null, ct);

    /// <summary>What both sides of a fork hold; figures may still be growing: see Done.</summary>
    public Task<DivergenceInfo> DivergenceAsync(string group, CancellationToken ct) =>
        AskAsync<DivergenceInfo>(HttpMethod.Get, $"v1/groups/{Escape(group)}/divergence", null, ct);

    /// <summary>Ends protection: the instances stay as they are, the replica and its history are deleted.</summary>
    public Task DeleteGroupAsync(string group, CancellationToken ct) =>
        TellAsync(HttpMethod.Delete, $"v1/groups/{Escape(group)}", null, ct);

    public Task<GroupInfo> ReleaseVolumeAsync(
        string group, string volume, ReleaseVolumeRequest request, CancellationToken ct) =>
        AskAsync<GroupInfo>(HttpMethod.Post, VolumePath(group, volume, "release"), request, ct);

    public Task<GroupInfo> CaptureVolumeAsync(string group, string volume, CancellationToken ct) =>
        AskAsync<GroupInfo>(HttpMethod.Post, VolumePath(group, volume, "capture"), null, ct);

    public Task<GroupInfo> ResizeVolumeAsync(
        string group, string volume, ResizeVolumeRequest request, CancellationToken ct) =>
        AskAsync<GroupInfo>(HttpMethod.Post, VolumePath(group, volume, "resize"), request, ct);

    /// <summary>Takes a disk into its group, at both sites; returns before its first copy is made.</summary>
    public Task<GroupInfo> ProtectVolumeAsync(
        string group, string volume, ProtectVolumeRequest request, CancellationToken ct) =>
        AskAsync<GroupInfo>(HttpMethod.Post, VolumePath(group, volume, "protect"), request, ct);

    private static string VolumePath(string group, string volume, string verb) =>
        $"v1/groups/{Escape(group)}/volumes/{Escape(volume)}/{verb}";

    /// <summary>Asked at another site than the primary one: WrongSite.</summary>
    public Task<GroupInfo> SuspendGroupAsync(string group, SuspendGroupRequest request, CancellationToken ct) =>
        AskAsync<GroupInfo>(HttpMethod.Post, $"v1/groups/{Escape(group)}/suspend", request, ct);

    /// <summary>Ends a suspension; a group that is not suspended stays as it is.</summary>
    public Task<GroupInfo> ResumeGroupAsync(string group, CancellationToken ct) =>
        AskAsync<GroupInfo>(HttpMethod.Post, $"v1/groups/{Escape(group)}/resume", null, ct);

    /// <summary>Oldest first.</summary>
    public Task<IReadOnlyList<RecoveryPoint>> PointsAsync(string group, CancellationToken ct) =>
        AskAsync<IReadOnlyList<RecoveryPoint>>(HttpMethod.Get, $"v1/groups/{Escape(group)}/points", null, ct);

    public Task<RecoveryPoint> PointAsync(string group, Guid point, CancellationToken ct) =>
        AskAsync<RecoveryPoint>(HttpMethod.Get, $"v1/groups/{Escape(group)}/points/{point}", null, ct);

    /// <summary>Cuts a recovery point and returns when it is sealed at the recovery site.</summary>
    public Task<Agents.CheckpointResult> CreatePointAsync(string group, CreatePointRequest request,
        CancellationToken ct) =>
        AskAsync<Agents.CheckpointResult>(HttpMethod.Post, $"v1/groups/{Escape(group)}/points", request, ct);

    public Task<IReadOnlyList<ApplicationInfo>> ApplicationsAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<ApplicationInfo>>(HttpMethod.Get, "v1/applications", null, ct);

    /// <summary>Points that every group of the application has, oldest first.</summary>
    public Task<IReadOnlyList<SharedPoint>> SharedPointsAsync(string application, CancellationToken ct) =>
        AskAsync<IReadOnlyList<SharedPoint>>(
            HttpMethod.Get, $"v1/applications/{Escape(application)}/points", null, ct);

    /// <summary>Cuts one point over all groups and returns when it is sealed in every one.</summary>
    public Task<SharedPointResult> CreateSharedPointAsync(string application, CreateSharedPointRequest request,
        CancellationToken ct) => AskAsync<SharedPointResult>(
            HttpMethod.Post, $"v1/applications/{Escape(application)}/points", request, ct);

    /// <param name="name">Whose pin it is; the same name again moves the pin.</param>
    public Task PinAsync(string group, Guid point, string name, CancellationToken ct) =>
        TellAsync(HttpMethod.Put, $"v1/groups/{Escape(group)}/points/{point}/pins/{Escape(name)}", null, ct);

    public Task UnpinAsync(string group, Guid point, string name, CancellationToken ct) =>
        TellAsync(HttpMethod.Delete, $"v1/groups/{Escape(group)}/points/{point}/pins/{Escape(name)}", null, ct);

    /// <summary>What a run would do, how long each step took before, and what is missing for it.</summary>
    public Task<PlanInfo> PlanAsync(string group, StartRunRequest request, CancellationToken ct) =>
        AskAsync<PlanInfo>(HttpMethod.Post, $"v1/groups/{Escape(group)}/plan", request, ct);

    /// <summary>Starts a run. Asked at the wrong site: WrongSite, and the detail names the right one.</summary>
    public Task<RunInfo> StartRunAsync(string group, StartRunRequest request, CancellationToken ct) =>
        AskAsync<RunInfo>(HttpMethod.Post, $"v1/groups/{Escape(group)}/runs", request, ct);

    /// <summary>Newest first.</summary>
    public Task<IReadOnlyList<RunInfo>> RunsAsync(string? group, CancellationToken ct) =>
        AskAsync<IReadOnlyList<RunInfo>>(HttpMethod.Get,
            group is null ? "v1/runs" : $"v1/runs?group={Escape(group)}", null, ct);

    public Task<RunInfo> RunAsync(Guid run, CancellationToken ct) =>
        AskAsync<RunInfo>(HttpMethod.Get, $"v1/runs/{run}", null, ct);

    /// <summary>Stops a run and undoes it. Refused (WrongState) once instances run after a failover.</summary>
    public Task<RunInfo> CancelRunAsync(Guid run, CancellationToken ct) =>
        AskAsync<RunInfo>(HttpMethod.Post, $"v1/runs/{run}/cancel", null, ct);

    /// <summary>Ends the hold of a test failover.</summary>
    public Task<RunInfo> ReleaseRunAsync(Guid run, CancellationToken ct) =>
        AskAsync<RunInfo>(HttpMethod.Post, $"v1/runs/{run}/release", null, ct);

    /// <summary>Lets a run begin that waits for a second person; refused to who asked for it.</summary>
    public Task<RunInfo> ApproveRunAsync(Guid run, CancellationToken ct) =>
        AskAsync<RunInfo>(HttpMethod.Post, $"v1/runs/{run}/approve", null, ct);

    /// <summary>Goes on with a failed run that was not undone, from the step that failed.</summary>
    public Task<RunInfo> RetryRunAsync(Guid run, CancellationToken ct) =>
        AskAsync<RunInfo>(HttpMethod.Post, $"v1/runs/{run}/retry", null, ct);

    public Task<RunReport> ReportAsync(Guid run, CancellationToken ct) =>
        AskAsync<RunReport>(HttpMethod.Get, $"v1/runs/{run}/report", null, ct);

    public Task<string> ReportHtmlAsync(Guid run, CancellationToken ct) => TextAsync($"v1/runs/{run}/report.html", ct);

    /// <summary>Newest first.</summary>
    public Task<IReadOnlyList<AuditEvent>> EventsAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<AuditEvent>>(HttpMethod.Get, "v1/events", null, ct);

    /// <summary>Prometheus text.</summary>
    public Task<string> MetricsAsync(CancellationToken ct) => TextAsync("metrics", ct);

    /// <summary>The run as it is now and at every change, until it is finished or the controller goes away.</summary>
    public async IAsyncEnumerable<RunInfo> WatchRunAsync(Guid run, [EnumeratorCancellation] CancellationToken ct)
    {
        using var answer = await SendAsync(HttpMethod.Get, $"v1/runs/{run}/events", null,
            HttpCompletionOption.ResponseHeadersRead, ct);
        await using var stream = await answer.Content.ReadAsStreamAsync(ct);
        var events = SseParser.Create(stream, (_, data) =>
            JsonSerializer.Deserialize<RunInfo>(data, ContractJson.Answers)!);
        await foreach (var change in events.EnumerateAsync(ct)) yield return change.Data;
    }

    public void Dispose() => _http.Dispose();
}
