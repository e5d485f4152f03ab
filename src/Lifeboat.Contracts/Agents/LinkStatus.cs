// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;

namespace Lifeboat.Contracts.Agents;

/// <summary>The link from this site to a paired one.</summary>
/// <param name="BytesPerSecond">The cap at this moment; null: none.</param>
/// <param name="WireBytes">Bytes of frames sent over it since the agent started.</param>
public sealed record LinkStatus(string Peer, LinkSettings Settings, long? BytesPerSecond, long WireBytes);
