// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Testing.Recovery;

public sealed partial class AgentDouble
{
    private readonly Dictionary<Guid, QuiesceInfo> _holds = [];

    /// <summary>Instances that it holds now.</summary>
    public IReadOnlyList<string> HeldNow =>
        [.. _holds.Values.Where(h => h.EndedAt is null).SelectMany(h => h.Members).Select(m => m.Instance)];
    /// <summary>All that it ever held, in order.</summary>
    public List<string> HeldEver { get; } = [];
    /// <summary>Guests cannot be brought to rest.</summary>
    public bool RefusesHolds { get; set; }
    /// <summary>Its dead man comes before any thaw.</summary>
    public bool LosesHolds { get; set; }

    public QuiesceInfo Hold(HoldRequest request)
    {
        if (RefusesHolds) throw new ProblemException(ReasonCode.QuiesceFailed, $"{request.Subject}: no guest agent");
        HeldEver.AddRange(request.Members.Select(m => m.Instance));
        return _holds[request.Id] = new QuiesceInfo
        {
            Id = request.Id,
            Subject = request.Subject,
            BeganAt = _time.GetUtcNow(),
            Deadline = _time.GetUtcNow() + request.Limit,
            Held = true,
            Reached = Consistency.FileSystem,
            Members =
            [
                .. request.Members.Select(m => new QuiescedInstance(m.Instance, Consistency.FileSystem, true,
                    ReasonCode.None, ["2 file systems frozen"])),
            ],
        };
    }

    public QuiesceInfo Release(ReleaseRequest request) => _holds[request.Id!.Value] = _holds[request.Id.Value] with
    {
        EndedAt = _time.GetUtcNow(), Held = !LosesHolds,
    };
}
