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
    /// <summary>SHA-256 of the site's CA certificate, lower-case hex: what a profile names it by.</summary>
    public string? CaFingerprint { get; init; }
    /// <summary>Null when the agent does not answer; then <see cref="AgentReason"/> says why.</summary>
    public AgentStatus? Agent { get; init; }
    public required ReasonCode AgentReason { get; init; }
    /// <summary>Further agents of this site, by host.</summary>
    public IReadOnlyList<HostInfo> Hosts { get; init; } = [];
    public required IReadOnlyList<PeerInfo> Peers { get; init; }
    /// <summary>This site's certificates, and the CAs of the paired ones.</summary>
    public IReadOnlyList<CertificateInfo> Certificates { get; init; } = [];
    /// <summary>Requests made to other sites since the controller started (`lifeboat_peer_requests_total`).</summary>
    public required long PeerRequests { get; init; }
}

/// <param name="Agent">Null when it does not answer; then the reason says why.</param>
public sealed record HostInfo(string Host, AgentStatus? Agent, ReasonCode Reason);

/// <param name="CaFingerprint">SHA-256 of the peer's CA certificate, lower-case hex.</param>
/// <param name="Requests">Requests made to it since this controller started.</param>
/// <param name="LastSeen">When it last answered; null: not since this controller started.</param>
public sealed record PeerInfo(string Name, string ControllerUrl, string LinkAddress, string CaFingerprint,
    DateTimeOffset PairedAt, bool Reachable, ReasonCode Reason, DateTimeOffset? LastSeen, long Requests);

/// <param name="Token">One-time; to be given to the other site's `pair`. Holds this site's address and CA.</param>
public sealed record PairingToken(string Token, DateTimeOffset ExpiresAt);

public sealed record PairRequest(string Token);

/// <param name="Role">`ca`, `controller` or `agent`.</param>
/// <param name="Site">Whose it is.</param>
public sealed record CertificateInfo(string Site, string Role, DateTimeOffset NotBefore, DateTimeOffset NotAfter);

/// <summary>New certificates for the controller and the agent of a site.</summary>
/// <param name="NewCa">Of a new CA, which the paired sites are told of first.</param>
/// <param name="Overlap">How long paired sites take the former ones too; 0 to 30 days.</param>
/// <param name="ValidFor">A day to ten years; null: ten years.</param>
public sealed record RotateCertificatesRequest(bool NewCa, TimeSpan Overlap, TimeSpan? ValidFor = null);

/// <param name="FormerUntil">When paired sites stop taking the former ones.</param>
/// <param name="Untold">Paired sites that did not answer; they are told as soon as they do.</param>
public sealed record RotationResult(IReadOnlyList<CertificateInfo> Certificates, DateTimeOffset FormerUntil,
    IReadOnlyList<string> Untold);
