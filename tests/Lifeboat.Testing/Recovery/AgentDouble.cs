// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Testing.Recovery;

/// <summary>
/// What the agent of a site answers, without any data behind it: sources find their replica over an
/// <see cref="AgentNetwork"/>, points are sealed at once, epochs fence. It outlives the controllers that ask it.
/// </summary>
public sealed partial class AgentDouble
{
    // As agents do: the newest point of a source that streams is never older than a policy may ask for.
    private static readonly TimeSpan PointsEvery = TimeSpan.FromSeconds(5);

    private readonly AgentNetwork _network;
    private readonly TimeProvider _time;
    private readonly Func<Guid> _newId;
    private readonly SortedDictionary<string, Source> _sources = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, Replica> _replicas = new(StringComparer.Ordinal);

    public AgentDouble(string site, string linkAddress, AgentNetwork network, TimeProvider time, Func<Guid> newId)
    {
        (Site, LinkAddress, _network, _time, _newId) = (site, linkAddress, network, time, newId);
        network.Attach(linkAddress, this);
    }

    public string Site { get; }
    public string LinkAddress { get; }
    /// <summary>Bytes that a target has; a larger volume is refused.</summary>
    public long TargetBytes { get; set; } = long.MaxValue;
    /// <summary>Points are cut but do not get durable at the other side.</summary>
    public bool SealsPoints { get; set; } = true;
    /// <summary>What it finds on any medium.</summary>
    public SeedInfo? Seed { get; set; }
    /// <summary>Points that a replica has; older ones go, but those that are pinned.</summary>
    public int PointsKept { get; set; } = int.MaxValue;
    public int ReplicasMade { get; private set; }
    public IReadOnlyCollection<string> Views(string group) => Find(group).Views.Keys;
    public IReadOnlyCollection<string> Pins(string group) => Find(group).Pins.Keys;
    public ReplicaSpec? ReplicaSpec(string group) => _replicas.TryGetValue(group, out var r) ? r.Spec : null;
    public SourceSpec? SourceSpec(string group) => _sources.TryGetValue(group, out var s) ? s.Spec : null;

    public AgentStatus Status() => new(Site, "double", 1, SimulatedStart, LinkAddress, [.. _sources.Keys],
        [.. _replicas.Values.Where(r => r.Spec.Keep is null).Select(r => r.Spec.Group)]);

    public SourceStatus PutSource(SourceSpec spec)
    {
        if (!_sources.TryGetValue(spec.Group, out var source))
            _sources.Add(spec.Group, source = new Source { Spec = spec, Since = _time.GetUtcNow() });
        source.Spec = spec;
        return GetSource(spec.Group);
    }

    public IReadOnlyList<SourceStatus> Sources() => [.. _sources.Keys.ToList().Select(GetSource)];

    public IReadOnlyList<ReplicaStatus> Replicas() =>
        [.. _replicas.Values.Where(r => r.Spec.Keep is null).Select(r => r.Spec.Group).ToList().Select(GetReplica)];

    public SourceStatus GetSource(string group)
    {
        if (!_sources.TryGetValue(group, out var source)) throw Unknown(group, "source");
        var (phase, reason) = Connect(source);
        if (phase is SourcePhase.Streaming && source.LastSealed?.Epoch != source.Spec.Epoch && SealsPoints)
            Seal(source, Consistency.Crash, "first");
        return new SourceStatus
        {
            Group = group,
            Phase = phase,
            Reason = reason,
            Since = source.Since,
            Epoch = source.Spec.Epoch,
            CapturedSequence = source.Sequence,
            DurableSequence = source.Sequence,
            OutboxBytes = 0,
            Lag = TimeSpan.Zero,
            CapturedBytes = 0,
            ShippedBytes = 0,
            LastResync = ResyncKind.HashCompare,
            ResyncMovedBytes = 4096,
            ResyncExaminedBytes = source.Spec.Volumes.Sum(v => v.SizeBytes),
            ResyncProgress = 1,
            Attaches = 1,
            Suspension = source.Spec.Suspension,
            LastSealed = source.LastSealed,
            Volumes = [.. source.Spec.Volumes.Select(v => new VolumeStatus(v.Name, true, null))],
        };
    }

    public void DeleteSource(string group) => _sources.Remove(group);

    /// <summary>What it gives with a source that it has.</summary>
    public string MapBasis { get; set; } = "{}";
    public TakeOver? LastTakeOver { get; private set; }

    public HandOver HandOver(string group) => new(_sources.Remove(group) ? MapBasis : null);

    public SourceStatus TakeOver(TakeOver request)
    {
        LastTakeOver = request;
        return PutSource(request.Spec);
    }

    public CheckpointResult Checkpoint(string group, CheckpointRequest request)
    {
        if (!_sources.TryGetValue(group, out var source)) throw Unknown(group, "source");
        var (phase, reason) = Connect(source);
        if (phase is not SourcePhase.Streaming) throw new ProblemException(reason, $"the source of {group} is {phase}");
        var consistency = request.CleanShutdown ? Consistency.CleanShutdown
            : request.Quiesce ? Consistency.Application : Consistency.Crash;
        var point = SealsPoints ? Seal(source, consistency, request.Label) : Cut(source, consistency, request.Label);
        return new CheckpointResult(point, SealsPoints, TimeSpan.FromMilliseconds(1), null);
    }

    public ReplicaStatus PutReplica(ReplicaSpec spec)
    {
        if (spec.Volumes.FirstOrDefault(v => v.SizeBytes > TargetBytes) is { } volume)
            throw new ProblemException(ReasonCode.TargetTooSmall, $"the target of {volume.Name} is too small");
        if (!_replicas.TryGetValue(spec.Group, out var replica))
        {
            _replicas.Add(spec.Group, replica = new Replica { Spec = spec, Id = _newId() });
            ReplicasMade++;
        }
        replica.Spec = spec with { Epoch = spec.Epoch > replica.Spec.Epoch ? spec.Epoch : replica.Spec.Epoch };
        return GetReplica(spec.Group);
    }

    public ReplicaStatus GetReplica(string group)
    {
        var replica = Find(group);
        if (replica.Source is { } feeding && feeding.IsConnectedTo(this, group) && feeding.Owner!.SealsPoints
            && _time.GetUtcNow() - feeding.LastSealed?.CutAt > PointsEvery)
            feeding.Owner.Seal(feeding, Consistency.Crash, null);
        return new ReplicaStatus
        {
            Group = group,
            ReplicaId = replica.Id,
            Epoch = replica.Spec.Epoch,
            Connected = replica.Source is { } source && source.IsConnectedTo(this, group),
            Reason = ReasonCode.None,
            DurableSequence = replica.Points.LastOrDefault()?.Sequence ?? 0,
            FoldedSequence = 0,
            JournalBytes = 0,
            ReceivedBytes = 0,
            RefusedFrames = 0,
            Points = replica.Points.Count,
            Newest = replica.Points is [.., var newest] ? replica.Tell(newest) : null,
            Oldest = replica.Points is [var oldest, ..] ? replica.Tell(oldest) : null,
            Views = [.. replica.Views.Keys],
        };
    }

    public void DeleteReplica(string group)
    {
        if (_replicas.TryGetValue(group, out var replica) && replica.Views.Count > 0)
            throw new ProblemException(ReasonCode.WrongState, $"views of {group} are open");
        _replicas.Remove(group);
    }

    /// <summary>What the change maps of a fenced source hold: one block a volume.</summary>
    public ChangeReport Changes(ChangeMapRequest request) => new(true, 1,
        [.. request.Volumes.Select(v => new VolumeChanges(v.Name, true, 4096, 1))]);

    public ChangeReport Compare(string group, CompareRequest request) => Find(group).Points
        .Any(p => p.Sequence == request.Sequence)
        ? new(true, 1, [.. request.Files.Select(f => new VolumeChanges(f.Name, true, 8192, 2))])
        : new(true, 1, [], "the point is gone");

    public KeptInfo Keep(ReplicaSpec spec)
    {
        var keep = spec.Keep!;
        if (!_replicas.TryGetValue(spec.Key, out var kept))
        {
            _replicas.Add(spec.Key, kept = new Replica { Spec = spec, Id = _newId() });
            var point = new RecoveryPoint(_newId(), 0, keep.Epoch, keep.CutAt, Consistency.Crash, PointState.Pinned,
                keep.Label, null, new Dictionary<string, Consistency>());
            kept.Points.Add(point);
            kept.Pins[keep.Pin] = point.Id;
        }
        return Told(kept);
    }

    public IReadOnlyList<KeptInfo> Kept(string group) => [.. KeptOf(group).Select(Told)];

    public void DeleteKept(string group)
    {
        foreach (var kept in KeptOf(group).ToList()) _replicas.Remove(kept.Spec.Key);
    }

    public IReadOnlyList<RecoveryPoint> Points(string group) => [.. Holders(group).SelectMany(h => h.Told)];

    /// <summary>How often the source was moved, as it was said last.</summary>
    public long Moves { get; private set; }

    public ReplicaStatus RaiseEpoch(string group, Epoch epoch, long moves = 0)
    {
        var replica = Find(group);
        Moves = moves;
        if (epoch < replica.Spec.Epoch) throw new ProblemException(ReasonCode.StaleEpoch, "an epoch never falls");
        replica.Spec = replica.Spec with { Epoch = epoch };
        return GetReplica(group);
    }

    public void Pin(string group, PinRequest request)
    {
        var holder = Holders(group).FirstOrDefault(h => h.Points.Any(p => p.Id == request.PointId))
            ?? throw new ProblemException(ReasonCode.PointUnknown, $"no point {request.PointId}");
        holder.Pins[request.Name] = request.PointId;
    }

    public void Unpin(string group, string name)
    {
        foreach (var holder in Holders(group)) holder.Pins.Remove(name);
        Release(group);
    }

    public ViewInfo OpenView(string group, ViewRequest request)
    {
        var replica = Holders(group).First(h => h.Points.Any(p => p.Id == request.PointId));
        var point = replica.Points.Single(p => p.Id == request.PointId);
        var view = new ViewInfo(request.Name, point.Sequence, point.Id, request.Writable,
        [
            .. replica.Spec.Volumes.Where(v => replica.Has(point, v)).Select(v => new ViewVolume(v.Index, v.Name,
                $"/{Site}/views/{request.Name}/{v.Index}.sock", v.Name, v.SizeBytes)),
        ])
        {
            Replica = replica.Id,
        };
        return replica.Views[request.Name] = view;
    }

    public void CloseView(string group, string name)
    {
        foreach (var holder in Holders(group)) holder.Views.Remove(name);
        Release(group);
    }

    private static readonly DateTimeOffset SimulatedStart = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private Replica Find(string group) => _replicas.TryGetValue(group, out var replica) ? replica
        : throw Unknown(group, "replica");

    private IEnumerable<Replica> KeptOf(string group) =>
        _replicas.Values.Where(r => r.Spec.Keep is not null && r.Spec.Group == group);

    private List<Replica> Holders(string group)
    {
        List<Replica> kept = [.. KeptOf(group)];
        return _replicas.TryGetValue(group, out var replica) ? [.. kept, replica]
            : kept.Count > 0 ? kept : throw Unknown(group, "replica");
    }

    private void Release(string group)
    {
        foreach (var kept in KeptOf(group).Where(k => k.Pins.Count + k.Views.Count == 0).ToList())
            _replicas.Remove(kept.Spec.Key);
    }

    private static KeptInfo Told(Replica kept) =>
        new(kept.Spec.Keep!.Pin, kept.Points[0], [.. kept.Pins.Keys], [.. kept.Views.Keys]);

    private (SourcePhase, ReasonCode) Connect(Source source)
    {
        source.Owner = this;
        if (_network.At(source.Spec.Target, Site) is not { } other) return (SourcePhase.Detached, ReasonCode.LinkDown);
        if (!other._replicas.TryGetValue(source.Spec.Group, out var replica) || replica.Spec.PrimarySite != Site)
            return (SourcePhase.Detached, ReasonCode.NotAllowed);
        if (source.Spec.Epoch < replica.Spec.Epoch) return (SourcePhase.Fenced, ReasonCode.StaleEpoch);
        if (source.Spec.Volumes.Any(v => replica.Spec.Volumes.All(r => (r.Index, r.Name) != (v.Index, v.Name))))
            return (SourcePhase.Detached, ReasonCode.VolumeUnknown);
        if (source.Spec.Moves < other.Moves) return (SourcePhase.Fenced, ReasonCode.Migrated);
        other.Moves = source.Spec.Moves;
        replica.Source = source;
        return (SourcePhase.Streaming, ReasonCode.None);
    }

    private RecoveryPoint Cut(Source source, Consistency consistency, string? label) => new(_newId(),
        ++source.Sequence, source.Spec.Epoch, _time.GetUtcNow(), consistency, PointState.Sealed, label, null,
        source.Spec.Instances.ToDictionary(i => i.Name, _ => consistency));

    private RecoveryPoint Seal(Source source, Consistency consistency, string? label)
    {
        var replica = _network.At(source.Spec.Target, Site)!.Find(source.Spec.Group);
        source.Sequence = Math.Max(source.Sequence, replica.Points.LastOrDefault()?.Sequence ?? 0);
        return Keep(source, replica, Cut(source, consistency, label));
    }

    private RecoveryPoint Keep(Source source, Replica replica, RecoveryPoint point)
    {
        source.LastSealed = point;
        replica.Points.Add(point);
        replica.Volumes[point.Id] = [.. source.Spec.Volumes.Select(v => v.Name)];
        while (replica.Points.Count > PointsKept
            && replica.Points.FindIndex(p => !replica.Pins.ContainsValue(p.Id)) is >= 0 and var oldest)
        {
            replica.Volumes.Remove(replica.Points[oldest].Id);
            replica.Points.RemoveAt(oldest);
        }
        return point;
    }

    private static ProblemException Unknown(string group, string what) =>
        new(ReasonCode.GroupUnknown, $"there is no {what} of group {group}");

    private sealed class Source
    {
        public required SourceSpec Spec { get; set; }
        public required DateTimeOffset Since { get; init; }
        public AgentDouble? Owner { get; set; }
        public long Sequence { get; set; }
        public RecoveryPoint? LastSealed { get; set; }

        public bool IsConnectedTo(AgentDouble replica, string group) => Owner is not null
            && Owner._sources.TryGetValue(group, out var mine) && mine == this
            && Owner._network.At(Spec.Target, Owner.Site) == replica
            && Spec.Epoch >= replica._replicas[group].Spec.Epoch;
    }

    private sealed class Replica
    {
        public required ReplicaSpec Spec { get; set; }
        public required Guid Id { get; init; }
        public Source? Source { get; set; }
        public List<RecoveryPoint> Points { get; } = [];
        /// <summary>By point, the volumes that it has; one that is not here has all.</summary>
        public Dictionary<Guid, string[]> Volumes { get; } = [];
        public IEnumerable<RecoveryPoint> Told => Points.Select(Tell);

        public RecoveryPoint Tell(RecoveryPoint point) => point with { Without = Later(point) };

        public bool Has(RecoveryPoint point, ReplicaVolume volume) =>
            !Volumes.TryGetValue(point.Id, out var had) || had.Contains(volume.Name);

        private List<string>? Later(RecoveryPoint point) =>
            Spec.Volumes.Where(v => !Has(point, v)).Select(v => v.Name).ToList() is { Count: > 0 } later ? later : null;

        public SortedDictionary<string, Guid> Pins { get; } = new(StringComparer.Ordinal);
        public SortedDictionary<string, ViewInfo> Views { get; } = new(StringComparer.Ordinal);
    }
}
