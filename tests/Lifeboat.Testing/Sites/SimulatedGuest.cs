// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites;

namespace Lifeboat.Testing.Sites;

/// <summary>How the guest of a <see cref="SimulatedSite"/> behaves; tests change it while it "runs".</summary>
public sealed class SimulatedGuest
{
    public bool AgentAnswers { get; set; } = true;
    /// <summary>False: a shut-down request is ignored and times out.</summary>
    public bool ShutsDown { get; set; } = true;
    public Func<int, bool> TcpAnswers { get; set; } = _ => true;
    /// <summary>Null: the addresses the description expects.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>>? Addresses { get; set; }
    public Func<IReadOnlyList<string>, GuestCommandResult> Run { get; set; } = _ => new GuestCommandResult(0, "");
}
