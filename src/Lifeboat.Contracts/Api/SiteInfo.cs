// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;

namespace Lifeboat.Contracts.Api;

/// <summary>What a controller says of its site.</summary>
public sealed record SiteInfo
{
    public required string Name { get; init; }
    public required string Version { get; init; }
    public required int ProcessId { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    /// <summary>Where paired sites reach this controller, e.g. `https://127.0.0.1:7401`.</summary>
    public required string ControllerUrl { get; init; }
    /// <summary>`address:port` where agents of paired sites ship to.</summary>
    public required string LinkAddress { get; init; }
    /// <summary>Null when the agent does not answer; then <see cref="AgentReason"/> says why.</summary>
    public AgentStatus? Agent { get; init; }
    public required ReasonCode AgentReason { get; init; }
    public required IReadOnlyList<PeerInfo> Peers { get; init; }
    /// <summary>Requests made to other sites since the controller started (`lifeboat_peer_requests_total`).</summary>
    public required long PeerRequests { get; init; }
}

/// <param name="CaFingerprint">SHA-256 of the peer's CA certificate, lower-case hex.</param>
/// <param name="Requests">Requests made to it since this controller started.</param>
/// <param name="LastSeen">When it last answered; null: not since this controller started.</param>
public sealed record PeerInfo(string Name, string ControllerUrl, string LinkAddress, string CaFingerprint,
    DateTimeOffset PairedAt, bool Reachable, ReasonCode Reason, DateTimeOffset? LastSeen, long Requests);

/// <param name="Token">One-time; to be given to the other site's `pair`. Holds this site's address and CA.</param>
public sealed record PairingToken(string Token, DateTimeOffset ExpiresAt);

public sealed record PairRequest(string Token);
