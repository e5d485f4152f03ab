// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Peers;

/// <summary>Answer of `GET /pair`: the CA that the token's fingerprint must match; nothing secret.</summary>
public sealed record PairingOffer(string Site, string CaPem);

/// <summary>`POST /pair`: who wants to pair, and the proof that it holds the token's secret.</summary>
/// <param name="Proof">HMAC-SHA256, hex, over both CAs, both names and both addresses; see PairingProof.</param>
public sealed record PairingJoin(string TokenId, string Site, string CaPem, string ControllerUrl, string LinkAddress,
    string Proof);

/// <param name="Proof">The other side's proof that it made the token.</param>
public sealed record PairingAccepted(string Site, string ControllerUrl, string LinkAddress, string Proof);
