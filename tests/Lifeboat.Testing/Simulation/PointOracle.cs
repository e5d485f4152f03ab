// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// Knows who was the source of which epoch and what its disks went through, and so what every recovery point must
/// hold.
/// </summary>
public sealed class PointOracle(SimulatedWorld world)
{
    private readonly Dictionary<Epoch, string> _primaries = [];
    private readonly Dictionary<Epoch, EpochSource> _sources = [];
    // A shared point has one id in both groups.
    private readonly Dictionary<(Guid Id, bool OfSecond), RecoveryPoint> _sealed = [];
    private readonly Dictionary<WantedReplica, (Epoch Epoch, long Appended)> _fences = [];

    /// <summary>I2: an epoch has one primary site, whoever says so.</summary>
    public void Primary(Epoch epoch, string site)
    {
        if (!_primaries.TryAdd(epoch, site) && _primaries[epoch] != site)
            world.Violate("I2", $"epoch {epoch}: {site} and {_primaries[epoch]} both believe to be primary");
    }

    public void Source(Epoch epoch, string site, SimulatedInstance instance, HostTime time)
    {
        Primary(epoch, site);
        if (_sources.TryGetValue(epoch, out var known) && known.Instance != instance)
            world.Violate("I2", $"epoch {epoch} has two sources");
        _sources[epoch] = new EpochSource(instance, time);
    }

    /// <summary>An instance that wrote in an epoch without being captured: what is kept of it is checked all the
    /// same.</summary>
    public void Wrote(Epoch epoch, SimulatedInstance instance, HostTime time) =>
        _sources.TryAdd(epoch, new EpochSource(instance, time));

    /// <summary>From now on nothing of an older epoch may become a point of this replica (I2).</summary>
    public void Fenced(WantedReplica replica, Epoch epoch, long appended) =>
        _fences[replica] = (epoch, appended);

    /// <summary>The epoch that was raised at this replica; null: none since it was made.</summary>
    public Epoch? FenceOf(WantedReplica replica) => _fences.TryGetValue(replica, out var fence) ? fence.Epoch : null;

    public void CheckFence(WantedReplica replica, IReadOnlyList<RecoveryPoint> points)
    {
        if (points.Count == 0 || !_fences.TryGetValue(replica, out var fence)) return;
        if (points[^1].Sequence > fence.Appended && points[^1].Epoch < fence.Epoch)
            world.Violate("I2", $"a point of epoch {points[^1].Epoch} was sealed after epoch {fence.Epoch} began");
    }

    /// <summary>Moment of a point's cut in the world's time; null: no source of its epoch is known.</summary>
    public long? CutOf(RecoveryPoint point) => _sources.TryGetValue(point.Epoch, out var source)
        ? source.Time.MomentsOf(point.CutAt).Select(m => (long?)m).FirstOrDefault()
        : null;

    /// <summary>I1: the point holds every write acknowledged before its cut and none after, on all volumes.</summary>
    public void Check(RecoveryPoint point, IReadOnlyList<byte[]> content, string where)
    {
        world.Count("points checked");
        if ((_sources.GetValueOrDefault(point.Epoch) ?? Returned(point)) is not { } source)
        {
            world.Violate("I2", $"point {point.Sequence} of epoch {point.Epoch}, which had no source");
            return;
        }
        var found = "its clock never said so";
        foreach (var cut in source.Time.MomentsOf(point.CutAt))
        {
            if ((Fault(source, cut, content, point.Note) ?? NotAtRest(source, cut, point)) is not { } fault) return;
            found = $"cut at {TimeSpan.FromTicks(cut):mm\\:ss\\.fffffff}: {fault}";
        }
        world.Violate("I1", $"{where}: point at sequence {point.Sequence} of epoch {point.Epoch}, {found}");
    }

    // A failover that was rolled back gives the site it left another epoch, which that site may not have heard of: what
    // is kept of it is of that epoch, and it wrote in the one before.
    private EpochSource? Returned(RecoveryPoint point)
    {
        if (!point.IsOrigin || !_primaries.TryGetValue(point.Epoch, out var site)) return null;
        return _sources.Where(s => s.Key < point.Epoch && _primaries.GetValueOrDefault(s.Key) == site)
            .OrderByDescending(s => s.Key.Value).Select(s => s.Value).FirstOrDefault();
    }

    // What is called more than crash-consistent was cut while nothing was under way in the guest.
    private static string? NotAtRest(EpochSource source, long cut, RecoveryPoint point) =>
        point.Consistency is Consistency.FileSystem or Consistency.Application && !source.Instance.WasFrozenAt(cut)
            ? $"it is called {point.Consistency}, and the guest was not frozen" : null;

    // A point says so when it is without a volume that was unplugged.
    private static string? Fault(EpochSource source, long cut, IReadOnlyList<byte[]> content, string? note)
    {
        for (var i = 0; i < content.Count; i++)
            if (!IsWithout(note, i) && source.Instance.Disks[i].History.Check(cut, content[i]) is { } fault)
                return $"disk {i} {fault}";
        return null;
    }

    internal static bool IsWithout(string? note, int disk) =>
        note?.Contains($"db1.d{disk}", StringComparison.Ordinal) == true;

    /// <summary>A sequence between points: some state the disks passed through, or there is none to open.</summary>
    public void CheckPrefix(Epoch epoch, long sequence, IReadOnlyList<byte[]> content)
    {
        world.Count("prefixes checked");
        if (!_sources.TryGetValue(epoch, out var source)) return;
        long from = 0, until = long.MaxValue;
        for (var i = 0; i < content.Count; i++)
        {
            if (!source.Instance.Disks[i].History.Narrow(content[i], ref from, ref until))
                world.Violate("I1", $"sequence {sequence}: disk {i} holds what its source never held");
        }
        if (from >= until)
            world.Violate("I1", $"sequence {sequence} is no state of the disks: it holds a write of "
                + $"{TimeSpan.FromTicks(from)} and lacks one of {TimeSpan.FromTicks(until)}");
    }

    /// <summary>A point that two groups share is one moment of all their disks.</summary>
    public void CheckShared(RecoveryPoint first, IReadOnlyList<byte[]> here, RecoveryPoint second,
        IReadOnlyList<byte[]> there)
    {
        if (first.Note is not null || second.Note is not null
            || !_sources.TryGetValue(first.Epoch, out var one) || !_sources.TryGetValue(second.Epoch, out var other))
            return;
        world.Count("shared points checked");
        long from = 0, until = long.MaxValue;
        foreach (var (source, content) in new[] { (one, here), (other, there) })
            for (var i = 0; i < content.Count; i++)
                if (!source.Instance.Disks[i].History.Narrow(content[i], ref from, ref until))
                    world.Violate("I1", $"shared point {first.Id}: disk {i} holds what its source never held");
        if (from >= until)
            world.Violate("I1", $"shared point {first.Id} is no moment of both groups: it holds a write of "
                + $"{TimeSpan.FromTicks(from)} and lacks one of {TimeSpan.FromTicks(until)}");
    }

    /// <summary>Once sealed, a point is the same for ever.</summary>
    public void Sealed(RecoveryPoint point)
    {
        if (_sealed.TryAdd(KeyOf(point), point)) world.Count("points sealed");
        else SameAsSealed(point, "listed");
    }

    /// <summary>Ids of all points that were ever seen sealed.</summary>
    public IReadOnlySet<Guid> SealedSoFar() => _sealed.Keys.Select(k => k.Id).ToHashSet();

    public void SameAsSealed(RecoveryPoint point, string where)
    {
        if (!_sealed.TryGetValue(KeyOf(point), out var known)) return;
        if (known.Sequence != point.Sequence || known.CutAt != point.CutAt || known.Epoch != point.Epoch)
            world.Violate("I10", $"{where}: point {point.Id} was {known.Sequence}@{known.Epoch} and is "
                + $"{point.Sequence}@{point.Epoch}");
    }

    private static (Guid, bool) KeyOf(RecoveryPoint point) => (point.Id, point.Epoch >= SecondGroup.Epochs);

    private sealed record EpochSource(SimulatedInstance Instance, HostTime Time);
}
