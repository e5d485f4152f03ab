// SPDX-License-Identifier: Apache-2.0
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Contracts.Agents;

/// <summary>
/// The agent's API over its unix socket. A refused request throws <see cref="ProblemException"/> with its reason;
/// <see cref="ReasonCode.AgentUnreachable"/> when nobody answers there. Every request may be repeated.
/// </summary>
public sealed class AgentClient : IDisposable
{
    private readonly string _socket;
    private readonly HttpClient _http;

    /// <param name="socket">Path of `agent.sock`.</param>
    public AgentClient(string socket)
    {
        _socket = socket;
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, ct) => await ConnectAsync(socket, ct),
            PooledConnectionLifetime = TimeSpan.FromMinutes(1),
        })
        {
            BaseAddress = new Uri("http://agent/"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public Task<AgentStatus> StatusAsync(CancellationToken ct) =>
        AskAsync<AgentStatus>(HttpMethod.Get, "v1/agent", null, ct);

    /// <summary>Counters of every group that it is or was the source of.</summary>
    public Task<IReadOnlyList<GroupTotals>> TotalsAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<GroupTotals>>(HttpMethod.Get, "v1/totals", null, ct);

    public Task<LinkStatus> LinkAsync(string peer, CancellationToken ct) =>
        AskAsync<LinkStatus>(HttpMethod.Get, $"v1/links/{Escape(peer)}", null, ct);

    /// <summary>Takes effect at once, for running sessions too.</summary>
    public Task<LinkStatus> PutLinkAsync(string peer, LinkSettings settings, CancellationToken ct) =>
        AskAsync<LinkStatus>(HttpMethod.Put, $"v1/links/{Escape(peer)}", settings, ct);

    /// <summary>Starts or changes a source. Returns when it is accepted and kept, not when it streams.</summary>
    public Task<SourceStatus> PutSourceAsync(SourceSpec spec, CancellationToken ct) =>
        AskAsync<SourceStatus>(HttpMethod.Put, $"v1/sources/{Escape(spec.Group)}", spec, ct);

    /// <summary>Ends a source for another agent to go on; one that is not there has nothing to give.</summary>
    public Task<HandOver> HandOverAsync(string group, CancellationToken ct) =>
        AskAsync<HandOver>(HttpMethod.Post, $"v1/sources/{Escape(group)}/hand-over", null, ct);

    /// <summary>Starts a source in the place of another agent's. Repeating it is putting the source.</summary>
    public Task<SourceStatus> TakeOverAsync(TakeOver request, CancellationToken ct) =>
        AskAsync<SourceStatus>(HttpMethod.Post, $"v1/sources/{Escape(request.Spec.Group)}/take-over", request, ct);

    /// <summary>All sources that it has, however many, in one answer.</summary>
    public Task<IReadOnlyList<SourceStatus>> SourcesAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<SourceStatus>>(HttpMethod.Get, "v1/sources", null, ct);

    /// <summary>All replicas that it has and can open; kept states are none.</summary>
    public Task<IReadOnlyList<ReplicaStatus>> ReplicasAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<ReplicaStatus>>(HttpMethod.Get, "v1/replicas", null, ct);

    public Task<SourceStatus> SourceAsync(string group, CancellationToken ct) =>
        AskAsync<SourceStatus>(HttpMethod.Get, $"v1/sources/{Escape(group)}", null, ct);

    /// <summary>Ends a source; one that is not there is fine.</summary>
    /// <param name="uninstall">Also remove the change maps from the instances; else they go on recording.</param>
    public Task DeleteSourceAsync(string group, bool uninstall, CancellationToken ct) =>
        TellAsync(HttpMethod.Delete, $"v1/sources/{Escape(group)}{(uninstall ? "?uninstall=true" : "")}", null, ct);

    /// <summary>Cuts a checkpoint, and waits until it is sealed when the request says so.</summary>
    public Task<CheckpointResult> CheckpointAsync(string group, CheckpointRequest request, CancellationToken ct) =>
        AskAsync<CheckpointResult>(HttpMethod.Post, $"v1/sources/{Escape(group)}/checkpoints", request, ct);

    /// <summary>Brings instances to rest and holds them; the same id again finds what is held.</summary>
    public Task<QuiesceInfo> HoldAsync(HoldRequest request, CancellationToken ct) =>
        AskAsync<QuiesceInfo>(HttpMethod.Post, "v1/quiesces", request, ct);

    /// <summary>Lets instances go on, held or not.</summary>
    public Task<QuiesceInfo> ReleaseAsync(ReleaseRequest request, CancellationToken ct) =>
        AskAsync<QuiesceInfo>(HttpMethod.Post, "v1/quiesces/thaw", request, ct);

    /// <summary>What was held by request and not thawed by one, newest first.</summary>
    public Task<IReadOnlyList<QuiesceInfo>> QuiescesAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<QuiesceInfo>>(HttpMethod.Get, "v1/quiesces", null, ct);

    /// <summary>Lets go of one volume; when it returns nothing of capture is on its disk.</summary>
    public Task<SourceStatus> ReleaseVolumeAsync(
        string group, string volume, ReleaseVolumeRequest request, CancellationToken ct) =>
        AskAsync<SourceStatus>(HttpMethod.Post, VolumePath(group, volume, "release"), request, ct);

    /// <summary>Ends a release; one that is over is none.</summary>
    public Task<SourceStatus> CaptureVolumeAsync(string group, string volume, CancellationToken ct) =>
        AskAsync<SourceStatus>(HttpMethod.Post, VolumePath(group, volume, "capture"), null, ct);

    /// <summary>Lets go of a domain of libvirt; when it returns nothing of capture is on its disks.</summary>
    public Task<DomainVolumes> ReleaseDomainAsync(DomainRelease request, CancellationToken ct) =>
        AskAsync<DomainVolumes>(HttpMethod.Post, "v1/domains/release", request, ct);

    /// <summary>Its disks stay captured, and what they consist of is not changed until the end of it.</summary>
    public Task<DomainVolumes> StandBackAsync(DomainRelease request, CancellationToken ct) =>
        AskAsync<DomainVolumes>(HttpMethod.Post, "v1/domains/stand-back", request, ct);

    /// <summary>Ends what <see cref="ReleaseDomainAsync"/> or <see cref="StandBackAsync"/> began.</summary>
    public Task<DomainVolumes> CaptureDomainAsync(DomainNames request, CancellationToken ct) =>
        AskAsync<DomainVolumes>(HttpMethod.Post, "v1/domains/capture", request, ct);

    /// <summary>Makes a disk of the running instance longer: let go, resized, captured again.</summary>
    public Task<SourceStatus> ResizeVolumeAsync(
        string group, string volume, ResizeVolumeRequest request, CancellationToken ct) =>
        AskAsync<SourceStatus>(HttpMethod.Post, VolumePath(group, volume, "resize"), request, ct);

    private static string VolumePath(string group, string volume, string verb) =>
        $"v1/sources/{Escape(group)}/volumes/{Escape(volume)}/{verb}";

    /// <summary>Reserves groups for a shared checkpoint; while one is cut there it waits.</summary>
    public Task ReserveCutAsync(SharedCutRequest request, CancellationToken ct) =>
        TellAsync(HttpMethod.Post, "v1/cuts", request, ct);

    /// <summary>A line over which a reserved checkpoint is held and cut.</summary>
    public Task<CutLine> OpenCutLineAsync(CancellationToken ct) =>
        CutLine.OpenAsync(SitePaths.CutSocketOf(_socket), ct);

    /// <summary>
    /// From here on acknowledgements of all its groups are withheld, for 50 ms at most. Slower than a
    /// <see cref="CutLine"/>, for who has no thread to spend.
    /// </summary>
    public Task HoldCutAsync(Guid cut, CancellationToken ct) =>
        TellAsync(HttpMethod.Post, $"v1/cuts/{cut}/hold", null, ct);

    /// <summary>Cuts every group and releases, unless that was done over a line, and looks at the mirrors.</summary>
    public Task<SharedCutResult> CutAsync(Guid cut, CancellationToken ct) =>
        AskAsync<SharedCutResult>(HttpMethod.Post, $"v1/cuts/{cut}/cut", null, ct);

    /// <summary>Ends a shared checkpoint; repeating it changes nothing.</summary>
    public Task SettleCutAsync(Guid cut, SettleRequest request, CancellationToken ct) =>
        TellAsync(HttpMethod.Post, $"v1/cuts/{cut}/settle", request, ct);

    /// <summary>Waits until a point that was cut here is sealed at the recovery site.</summary>
    /// <returns>False: the limit was up first.</returns>
    public Task<bool> WaitSealedAsync(string group, Guid point, DrainRequest request, CancellationToken ct) =>
        AskAsync<bool>(HttpMethod.Post, $"v1/sources/{Escape(group)}/points/{point}/sealed", request, ct);

    /// <summary>Waits until everything captured so far is durable at the recovery site.</summary>
    public Task<SourceStatus> DrainAsync(string group, DrainRequest request, CancellationToken ct) =>
        AskAsync<SourceStatus>(HttpMethod.Post, $"v1/sources/{Escape(group)}/drain", request, ct);

    /// <summary>Writes a seed of the group's disks while its instances run; hanging up gives it up.</summary>
    public Task<SeedInfo> ExportSeedAsync(string group, SeedRequest request, CancellationToken ct) =>
        AskAsync<SeedInfo>(HttpMethod.Post, $"v1/sources/{Escape(group)}/seed", request, ct);

    /// <summary>Reads a seed and verifies every chunk; InvalidRequest with all that is wrong.</summary>
    public Task<SeedInfo> VerifySeedAsync(string group, SeedRequest request, CancellationToken ct) =>
        AskAsync<SeedInfo>(HttpMethod.Post, $"v1/seeds/{Escape(group)}/verify", request, ct);

    public Task<SeedProgress> SeedProgressAsync(string group, CancellationToken ct) =>
        AskAsync<SeedProgress>(HttpMethod.Get, $"v1/seeds/{Escape(group)}", null, ct);

    /// <summary>Makes or changes a replica. Validated first: a refused request leaves nothing behind.</summary>
    public Task<ReplicaStatus> PutReplicaAsync(ReplicaSpec spec, CancellationToken ct) =>
        AskAsync<ReplicaStatus>(HttpMethod.Put, $"v1/replicas/{Escape(spec.Group)}", spec, ct);

    public Task<ReplicaStatus> ReplicaAsync(string group, CancellationToken ct) =>
        AskAsync<ReplicaStatus>(HttpMethod.Get, $"v1/replicas/{Escape(group)}", null, ct);

    /// <summary>Deletes the replica with its history; one that is not there is fine.</summary>
    public Task DeleteReplicaAsync(string group, CancellationToken ct) =>
        TellAsync(HttpMethod.Delete, $"v1/replicas/{Escape(group)}", null, ct);

    /// <summary>
    /// Keeps what the seeds hold beside the group's replica, if it has one; what is kept under that name already stays
    /// as it is.
    /// </summary>
    public Task<KeptInfo> KeepAsync(ReplicaSpec spec, CancellationToken ct) =>
        AskAsync<KeptInfo>(HttpMethod.Put, $"v1/replicas/{Escape(spec.Group)}/kept", spec, ct);

    /// <summary>States of the group that are kept here, oldest first; none is an answer too.</summary>
    public Task<IReadOnlyList<KeptInfo>> KeptAsync(string group, CancellationToken ct) =>
        AskAsync<IReadOnlyList<KeptInfo>>(HttpMethod.Get, $"v1/replicas/{Escape(group)}/kept", null, ct);

    /// <summary>Deletes every state of the group that is kept here, whoever holds it.</summary>
    public Task DeleteKeptAsync(string group, CancellationToken ct) =>
        TellAsync(HttpMethod.Delete, $"v1/replicas/{Escape(group)}/kept", null, ct);

    /// <summary>Kept states first, then the recovery points as the journal has them, oldest first.</summary>
    public Task<IReadOnlyList<RecoveryPoint>> PointsAsync(string group, CancellationToken ct) =>
        AskAsync<IReadOnlyList<RecoveryPoint>>(HttpMethod.Get, $"v1/replicas/{Escape(group)}/points", null, ct);

    /// <summary>Reads all of a point. Damaged: ReplicaDamaged. Hanging up gives it up.</summary>
    public Task<GroupDigest> PointDigestAsync(string group, Guid point, CancellationToken ct) =>
        AskAsync<GroupDigest>(HttpMethod.Post, $"v1/replicas/{Escape(group)}/points/{point}/digest", null, ct);

    /// <summary>Reads all disks of a source. WrongState: an instance runs. Hanging up gives it up.</summary>
    public Task<GroupDigest> SourceDigestAsync(string group, SourceDigestRequest request, CancellationToken ct) =>
        AskAsync<GroupDigest>(HttpMethod.Post, $"v1/sources/{Escape(group)}/digest", request, ct);

    /// <summary>Begins to read and verify all of the replica, or hurries the pass under way.</summary>
    public Task<ReplicaStatus> ScrubAsync(string group, CancellationToken ct) =>
        AskAsync<ReplicaStatus>(HttpMethod.Post, $"v1/replicas/{Escape(group)}/scrub", null, ct);

    /// <summary>From now on frames of an older epoch are refused. Lower than the known one: StaleEpoch.</summary>
    public Task<ReplicaStatus> RaiseEpochAsync(string group, EpochRequest request, CancellationToken ct) =>
        AskAsync<ReplicaStatus>(HttpMethod.Post, $"v1/replicas/{Escape(group)}/epoch", request, ct);

    public Task PinAsync(string group, PinRequest request, CancellationToken ct) =>
        TellAsync(HttpMethod.Post, $"v1/replicas/{Escape(group)}/pins", request, ct);

    public Task UnpinAsync(string group, string name, CancellationToken ct) =>
        TellAsync(HttpMethod.Delete, $"v1/replicas/{Escape(group)}/pins/{Escape(name)}", null, ct);

    public Task<ViewInfo> OpenViewAsync(string group, ViewRequest request, CancellationToken ct) =>
        AskAsync<ViewInfo>(HttpMethod.Post, $"v1/replicas/{Escape(group)}/views", request, ct);

    public Task CloseViewAsync(string group, string name, CancellationToken ct) =>
        TellAsync(HttpMethod.Delete, $"v1/replicas/{Escape(group)}/views/{Escape(name)}", null, ct);

    /// <summary>What QEMU's change maps hold of disks that nobody captures now.</summary>
    public Task<ChangeReport> ChangesAsync(ChangeMapRequest request, CancellationToken ct) =>
        AskAsync<ChangeReport>(HttpMethod.Post, "v1/changes", request, ct);

    /// <summary>Compares disks with a replica; to be asked again until it is done.</summary>
    public Task<ChangeReport> CompareAsync(string group, CompareRequest request, CancellationToken ct) =>
        AskAsync<ChangeReport>(HttpMethod.Post, $"v1/replicas/{Escape(group)}/compare", request, ct);

    public void Dispose() => _http.Dispose();

    private async Task<T> AskAsync<T>(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var answer = await SendAsync(method, path, body, ct);
        return await answer.Content.ReadFromJsonAsync<T>(ContractJson.Answers, ct)
            ?? throw new ProblemException(ReasonCode.Unexpected, $"the agent answered {method} {path} with null");
    }

    private async Task TellAsync(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var answer = await SendAsync(method, path, body, ct);
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null) request.Content = JsonContent.Create(body, body.GetType(), options: ContractJson.Options);
        RequestTrace.AddTo(request);
        HttpResponseMessage answer;
        try
        {
            answer = await _http.SendAsync(request, ct);
        }
        catch (HttpRequestException e)
        {
            throw new ProblemException(ReasonCode.AgentUnreachable, "the agent does not answer",
                $"{_socket}: {e.InnerException?.Message ?? e.Message}", cause: e);
        }
        if (answer.IsSuccessStatusCode) return answer;
        using (answer) throw await ReadProblemAsync(answer, ct);
    }

    private static async Task<ProblemException> ReadProblemAsync(HttpResponseMessage answer, CancellationToken ct)
    {
        try
        {
            if (await answer.Content.ReadFromJsonAsync<Problem>(ContractJson.Answers, ct) is { } problem)
                return new ProblemException(problem.Reason, problem.Title, problem.Detail, problem.Errors);
        }
        catch (JsonException)
        {
            // Not one of ours: the status is all there is.
        }
        return new ProblemException(ReasonCode.Unexpected, $"the agent answered {(int)answer.StatusCode}");
    }

    private static async Task<Stream> ConnectAsync(string path, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static string Escape(string part) => Uri.EscapeDataString(part);
}
