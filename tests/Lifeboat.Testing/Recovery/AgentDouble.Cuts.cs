// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Testing.Recovery;

// Shared cuts: nothing is captured, so nothing has to be held; what was cut is sealed when it is settled.
public sealed partial class AgentDouble
{
    private readonly Dictionary<Guid, SharedCutRequest> _cuts = [];

    /// <summary>Told of every shared cut that was agreed upon, with the groups that it is of.</summary>
    public Action<SharedCutRequest>? Agreed { get; set; }

    public void ReserveCut(SharedCutRequest request) => _cuts[request.Id] = request;

    public SharedCutResult CutShared(Guid cut)
    {
        var request = _cuts[cut];
        return new SharedCutResult(
        [
            .. request.Groups.Select(g => _sources.TryGetValue(g, out var source)
                && Connect(source) is (SourcePhase.Streaming, _)
                ? new SharedCutPart(g, Shared(source, request), TimeSpan.FromMilliseconds(1), ReasonCode.None, null)
                : new SharedCutPart(g, null, TimeSpan.Zero, ReasonCode.WrongState, $"{g} does not stream")),
        ], Intact: true);
    }

    public void SettleCut(Guid cut, bool agreed)
    {
        if (!_cuts.Remove(cut, out var request) || !agreed) return;
        foreach (var source in request.Groups.Where(_sources.ContainsKey).Select(g => _sources[g]))
            Keep(source, _network.At(source.Spec.Target, Site)!.Find(source.Spec.Group), Shared(source, request));
        Agreed?.Invoke(request);
    }

    public bool IsSealed(string group, Guid point) => _sources.TryGetValue(group, out var source)
        && _network.At(source.Spec.Target, Site)!.Find(group).Points.Any(p => p.Id == point);

    private RecoveryPoint Shared(Source source, SharedCutRequest request) =>
        Cut(source, Consistency.Crash, request.Label) with { Id = request.Id, CutAt = request.CutAt };
}
