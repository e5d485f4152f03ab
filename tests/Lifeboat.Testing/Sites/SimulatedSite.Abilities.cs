// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;

namespace Lifeboat.Testing.Sites;

public sealed partial class SimulatedSite
    : IAdoptsInstances, IRestartsInstances, IMakesBubbles, IMovesToNative, IProbesGuests
{
    private readonly Dictionary<string, Entry> _unmanaged = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, SortedSet<string>> _bubbles = new(StringComparer.Ordinal);

    /// <summary>What bubbles are to leave behind when deleted, to see that somebody looks.</summary>
    public IList<string> LeftBehind { get; } = [];
    public IReadOnlyCollection<string> Bubbles => _bubbles.Keys;

    public SimulatedGuest Guest(string instance) => Find(instance).Guest;

    public Task<SiteInstance> AdoptAsync(AdoptRequest request, CancellationToken ct) =>
        CallAsync(nameof(AdoptAsync), request.Name, () =>
        {
            if (_instances.TryGetValue(request.Name, out var had) && had.Power != InstancePower.Stopped)
            {
                if (had.Qmp == request.QmpSocket) had.Host = request.Host ?? had.Host;
                return had.Qmp == request.QmpSocket ? Describe(request.Name, had)
                    : throw new SiteException(SiteFault.InstanceExists, $"{Name}: another '{request.Name}' runs");
            }
            if (!_unmanaged.Remove(request.QmpSocket, out var entry))
                throw new SiteException(SiteFault.MonitorUnreachable,
                    $"{Name}: nothing listens at {request.QmpSocket}");
            entry.Host = request.Host ?? had?.Host ?? entry.Host;
            _instances[request.Name] = entry;
            return Describe(request.Name, entry);
        }, ct);

    public Task RestartAsync(string instance, CancellationToken ct) =>
        CallAsync(nameof(RestartAsync), instance, () =>
        {
            var entry = Find(instance);
            if (entry.Power is InstancePower.Stopped)
                throw new SiteException(SiteFault.Refused, $"{Name}: {instance} was stopped");
            entry.Power = InstancePower.Running;
            return true;
        }, ct);

    public Task CreateBubbleAsync(string bubble, IReadOnlyList<InstanceDescription> members, CancellationToken ct) =>
        CallAsync(nameof(CreateBubbleAsync), bubble, () => _bubbles.TryAdd(bubble, new(StringComparer.Ordinal)), ct);

    public Task<string> OpenWayInAsync(string bubble, string instance, int port, string from, CancellationToken ct) =>
        CallAsync(nameof(OpenWayInAsync), $"{bubble} {instance}:{port}@{from}", () =>
        {
            if (!_bubbles.TryGetValue(bubble, out var ways))
                throw new SiteException(SiteFault.NetworkUnknown, $"{Name}: there is no bubble '{bubble}'");
            Find(instance);
            ways.Add($"{instance}:{port}");
            return $"169.254.1.2:{port}";
        }, ct);

    public Task DeleteBubbleAsync(string bubble, CancellationToken ct) =>
        CallAsync(nameof(DeleteBubbleAsync), bubble, () =>
        {
            foreach (var copy in CopiesIn(bubble)) _instances.Remove(copy);
            return _bubbles.Remove(bubble);
        }, ct);

    public Task<IReadOnlyList<string>> TracesAsync(string bubble, CancellationToken ct) =>
        CallAsync<IReadOnlyList<string>>(nameof(TracesAsync), bubble, () =>
        [
            .. _bubbles.ContainsKey(bubble) ? [$"namespace {bubble}"] : Array.Empty<string>(),
            .. CopiesIn(bubble).Select(i => $"instance {i}"),
            .. LeftBehind,
        ], ct);

    public Task MoveToNativeAsync(string instance, IProgress<double> progress, CancellationToken ct) =>
        CallAsync(nameof(MoveToNativeAsync), instance, () =>
        {
            var entry = Find(instance);
            if (entry.Power is InstancePower.Stopped)
                throw new SiteException(SiteFault.Refused, $"{Name}: {instance} does not run");
            entry.NativeDisks = true;
            progress.Report(1);
            return true;
        }, ct);

    public Task<bool> AgentAnswersAsync(string instance, CancellationToken ct) =>
        CallAsync(nameof(AgentAnswersAsync), instance, () => Up(instance) is { AgentAnswers: true }, ct);

    public Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> AddressesAsync(string instance,
        CancellationToken ct) =>
        CallAsync(nameof(AddressesAsync), instance, () =>
        {
            if (Up(instance) is not { AgentAnswers: true } guest) throw Silent(instance);
            return guest.Addresses ?? Find(instance).Request.Description.Nics.Where(n => n.Address is not null)
                .ToDictionary(n => n.Mac.ToLowerInvariant(), n => (IReadOnlyList<string>)[n.Address!]);
        }, ct);

    public Task<bool> TcpAnswersAsync(string instance, int port, CancellationToken ct) =>
        CallAsync(nameof(TcpAnswersAsync), $"{instance}:{port}", () => Up(instance)?.TcpAnswers(port) ?? false, ct);

    public Task<GuestCommandResult> RunInGuestAsync(string instance, IReadOnlyList<string> command, TimeSpan limit,
        CancellationToken ct) => CallAsync(nameof(RunInGuestAsync), $"{instance} {string.Join(' ', command)}", () =>
            Up(instance) is { AgentAnswers: true } guest ? guest.Run(command) : throw Silent(instance), ct);

    private SimulatedGuest? Up(string instance) =>
        Find(instance) is { Power: InstancePower.Running } entry ? entry.Guest : null;

    private SiteException Silent(string instance) =>
        new(SiteFault.AgentUnreachable, $"{Name}: the guest agent of {instance} does not answer");

    private string[] CopiesIn(string bubble) =>
        [.. _instances.Where(i => i.Value.Request.Bubble == bubble).Select(i => i.Key)];
}
