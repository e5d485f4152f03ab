// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;

namespace Lifeboat.Contracts.Agents;

/// <summary>The link from this site to a paired one.</summary>
/// <param name="BytesPerSecond">The cap at this moment; null: none.</param>
/// <param name="WireBytes">Bytes of frames sent over it since the agent started.</param>
/// <param name="Paths">Those that are wanted, as they are now.</param>
public sealed record LinkStatus(string Peer, LinkSettings Settings, long? BytesPerSecond, long WireBytes,
    IReadOnlyList<LinkPathStatus>? Paths = null);

/// <param name="Path">As it was given.</param>
/// <param name="Up">Connections that live, of as many as are wanted: one for each group that ships.</param>
/// <param name="WireBytes">Sent over it since the agent started.</param>
/// <param name="MovedBytes">Of those, under way when it failed, and sent again over another one.</param>
/// <param name="Detail">Why the last connection ended or could not be made; null: nothing is wrong.</param>
public sealed record LinkPathStatus(string Path, int Up, int Wanted, long WireBytes, long MovedBytes, string? Detail);
