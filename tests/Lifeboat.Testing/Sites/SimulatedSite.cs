// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;

namespace Lifeboat.Testing.Sites;

/// <summary>
/// A site in memory: deterministic, no threads, no real time. It outlives the controllers that use it, as a real one
/// does. Every call is recorded in <see cref="Calls"/> and can be made to fail, before or after its effect.
/// </summary>
public sealed partial class SimulatedSite(string name, TimeProvider time) : ISite, IMigratesInstances
{
    private readonly SortedDictionary<string, Entry> _instances = new(StringComparer.Ordinal);
    private readonly List<string> _calls = [];
    // In a real controller several loops ask at a time.
    private readonly Lock _world = new();
    private readonly Dictionary<string, Queue<PlannedFault>> _faults = new(StringComparer.Ordinal);
    private const int FirstProcess = 1000;
    private int _lastProcess = FirstProcess;

    public string Name => name;
    /// <summary>How many processes of instances it has started: what is repeated without effect does not count.
    /// </summary>
    public int Boots => _lastProcess - FirstProcess;
    /// <summary>E.g. `StartAsync vm1`, in the order they arrived, refused ones too.</summary>
    public IReadOnlyList<string> Calls
    {
        get
        {
            lock (_world) return [.. _calls];
        }
    }

    /// <summary>How long each call takes on the clock; zero: it completes synchronously.</summary>
    public TimeSpan Latency { get; set; }
    public int MemoryFreeMiB { get; set; } = 64 << 10;
    /// <summary>What it says besides gaps.</summary>
    public IReadOnlyList<string> Notes { get; set; } = [];
    public ISet<string> Networks { get; } = new SortedSet<string>(StringComparer.Ordinal) { "default" };
    /// <summary>Awaited when a call has had its effect, with the call and the instance or bubble.</summary>
    public Func<string, string, CancellationToken, Task>? After { get; set; }

    /// <summary>The next call of that name fails; several are used up in order.</summary>
    /// <param name="call">E.g. `nameof(ISite.StartAsync)`.</param>
    /// <param name="afterEffect">True: it took effect, only the answer is lost.</param>
    public void FailNext(string call, SiteFault fault, bool afterEffect = false)
    {
        if (!_faults.TryGetValue(call, out var queue)) _faults.Add(call, queue = new Queue<PlannedFault>());
        queue.Enqueue(new PlannedFault(fault, afterEffect));
    }

    /// <summary>What was to fail and has not does not.</summary>
    public void Forgive() => _faults.Clear();

    /// <summary>The whole site loses power: nothing runs any more, disks stay.</summary>
    public void LosePower()
    {
        foreach (var entry in _instances.Values) entry.Power = InstancePower.Stopped;
    }

    /// <summary>Puts a running instance there that the site did not start, to be adopted by its sockets.</summary>
    public void RunUnmanaged(InstanceDescription description, string qmpSocket, string? guestAgentSocket) =>
        _unmanaged[qmpSocket] = new Entry
        {
            Request = new StartRequest { Instance = description.Name, Description = description, Disks = [] },
            Adopted = true,
            Qmp = qmpSocket,
            Agent = guestAgentSocket,
            ProcessId = ++_lastProcess,
            Power = InstancePower.Running,
            NativeDisks = true,
        };

    public Task<IReadOnlyList<SiteInstance>> ListAsync(CancellationToken ct) =>
        CallAsync<IReadOnlyList<SiteInstance>>(nameof(ListAsync), "",
            () => [.. _instances.Select(i => Describe(i.Key, i.Value))], ct);

    public Task<SiteInstance> GetAsync(string instance, CancellationToken ct) =>
        CallAsync(nameof(GetAsync), instance, () => Describe(instance, Find(instance)), ct);

    public Task<SiteInstance> StartAsync(StartRequest request, CancellationToken ct) =>
        CallAsync(nameof(StartAsync), request.Instance, () => Start(request), ct);

    public Task StopAsync(string instance, CancellationToken ct) =>
        CallAsync(nameof(StopAsync), instance, () =>
        {
            if (_instances.TryGetValue(instance, out var entry)) entry.Power = InstancePower.Stopped;
            return true;
        }, ct);

    public Task MigrateAsync(string instance, string host, CancellationToken ct) =>
        CallAsync(nameof(MigrateAsync), instance, () =>
        {
            var entry = Find(instance);
            if (entry.Power is not InstancePower.Running)
                throw new SiteException(SiteFault.Refused, $"{name}: {instance} does not run");
            if (entry.Host != host) entry.ProcessId = ++_lastProcess;
            entry.Host = host;
            return true;
        }, ct);

    public Task RemoveAsync(string instance, CancellationToken ct) =>
        CallAsync(nameof(RemoveAsync), instance, () => _instances.Remove(instance), ct);

    public Task ShutDownAsync(string instance, TimeSpan limit, CancellationToken ct) =>
        CallAsync(nameof(ShutDownAsync), instance, () =>
        {
            var entry = Find(instance);
            if (entry.Power is InstancePower.ShutDown) return true;
            if (entry.Power is not InstancePower.Running)
                throw new SiteException(SiteFault.Refused, $"{name}: {instance} does not run");
            if (!entry.Guest.ShutsDown)
                throw new SiteException(SiteFault.Timeout, $"{name}: {instance} did not shut down within {limit}");
            entry.Power = InstancePower.ShutDown;
            entry.ShutDownProcess = entry.ProcessId;
            return true;
        }, ct);

    public Task<SiteFit> FitAsync(IReadOnlyList<InstanceDescription> instances, bool isolated, CancellationToken ct) =>
        CallAsync(nameof(FitAsync), instances[0].Name, () =>
        {
            var gaps = new List<string>();
            var starting = instances.Where(i => _instances.GetValueOrDefault(i.Name)?.Power
                is not (InstancePower.Running or InstancePower.Paused)).ToList();
            var memory = starting.Sum(i => i.MemoryMiB);
            if (memory > MemoryFreeMiB)
                gaps.Add($"{string.Join(", ", starting.Select(i => i.Name))}: memory: {memory} MiB wanted, "
                    + $"{MemoryFreeMiB} MiB free");
            gaps.AddRange(SiteFit.Said(from instance in instances
                                       from nic in instance.Nics
                                       where !Networks.Contains(nic.Network)
                                       select (instance.Name, $"network '{nic.Network}' is not at this site")));
            return new SiteFit(gaps, Notes);
        }, ct);

    private SiteInstance Start(StartRequest request)
    {
        if (request.Bubble is { } bubble && !_bubbles.ContainsKey(bubble))
            throw new SiteException(SiteFault.NetworkUnknown, $"{name}: there is no bubble '{bubble}'");
        if (request.Description.Nics.FirstOrDefault(n => !Networks.Contains(n.Network)) is { } nic)
            throw new SiteException(SiteFault.NetworkUnknown, $"{name}: there is no network '{nic.Network}'");
        if (_instances.TryGetValue(request.Instance, out var had) && Same(had.Request, request))
        {
            if (had.Power is InstancePower.Running or InstancePower.Paused) return Describe(request.Instance, had);
            had.Power = InstancePower.Running;
            had.ProcessId = ++_lastProcess;
            return Describe(request.Instance, had);
        }
        if (had is not null && had.Power != InstancePower.Stopped)
            throw new SiteException(SiteFault.InstanceExists, $"{name}: another '{request.Instance}' is {had.Power}");
        var entry = new Entry
        {
            Request = request,
            ProcessId = ++_lastProcess,
            Power = InstancePower.Running,
            Qmp = $"/{name}/{request.Instance}/qmp.sock",
            Agent = request.Description.GuestAgent ? $"/{name}/{request.Instance}/qga.sock" : null,
            NativeDisks = request.Disks.All(d => d.ViewSocket is null),
            Host = request.Host ?? AgentConfiguration.DefaultHost,
        };
        _instances[request.Instance] = entry;
        return Describe(request.Instance, entry);
    }

    private Entry Find(string instance) => _instances.TryGetValue(instance, out var entry) ? entry
        : throw new SiteException(SiteFault.InstanceUnknown, $"{name}: there is no instance '{instance}'");

    private SiteInstance Describe(string instance, Entry entry) => new SiteInstance(instance, entry.Power,
        entry.Adopted, Described(entry), entry.Qmp, entry.Agent,
        entry.Power == InstancePower.Stopped ? null : entry.ProcessId,
        [.. Described(entry).Disks.OrderBy(d => d.Order).Select(d => new SiteDisk(d.Name, d.Name,
            entry.NativeDisks ? FileOf(instance, entry, d.Name) : null, "raw", d.SizeBytes, entry.NativeDisks))])
        with
        {
            Host = entry.Host,
            Stint = WritesOver && entry.Power is InstancePower.Stopped ? $"start {entry.ProcessId}" : null,
            LeftClean = WritesOver && entry.ShutDownProcess == entry.ProcessId,
        };

    private string FileOf(string instance, Entry entry, string disk) =>
        entry.Request.Disks.FirstOrDefault(d => d.Disk == disk)?.File
        ?? Path.Combine(DiskFolder ?? $"/{name}/{instance}/disks", $"{disk}.raw");

    private async Task<T> CallAsync<T>(string call, string subject, Func<T> effect, CancellationToken ct)
    {
        lock (_world) _calls.Add($"{call} {subject}".TrimEnd());
        ct.ThrowIfCancellationRequested();
        if (Latency > TimeSpan.Zero) await Task.Delay(Latency, time, ct);
        PlannedFault? fault = null;
        T result;
        // Several callers at once are one after the other here, as at a real site.
        lock (_world)
        {
            if (_faults.TryGetValue(call, out var queue)) queue.TryDequeue(out fault);
            if (fault is { AfterEffect: false })
                throw new SiteException(fault.Fault, $"{name}: {call} was made to fail");
            result = effect();
        }
        if (After is not null) await After(call, subject, ct);
        return fault is null ? result
            : throw new SiteException(fault.Fault, $"{name}: the answer of {call} was made to get lost");
    }

    private static bool Same(StartRequest a, StartRequest b) =>
        JsonSerializer.Serialize(a, ContractJson.Options) == JsonSerializer.Serialize(b, ContractJson.Options);

    private sealed record PlannedFault(SiteFault Fault, bool AfterEffect);

    private sealed class Entry
    {
        public required StartRequest Request { get; init; }
        public required string Qmp { get; init; }
        public string? Agent { get; init; }
        public bool Adopted { get; init; }
        public int ProcessId { get; set; }
        /// <summary>Which one was shut down by us.</summary>
        public int? ShutDownProcess { get; set; }
        public InstancePower Power { get; set; }
        public bool NativeDisks { get; set; }
        public string Host { get; set; } = AgentConfiguration.DefaultHost;
        public SimulatedGuest Guest { get; } = new();
        public List<PluggedDisk> Plugged { get; } = [];
        public List<InstanceDisk> TakenIn { get; } = [];
    }
}
