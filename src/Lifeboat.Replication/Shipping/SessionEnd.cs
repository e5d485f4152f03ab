// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Replication.Shipping;

/// <summary>Why a session is over.</summary>
/// <param name="Refused">The recovery site said so; else we noticed it.</param>
internal sealed record SessionEnd(ReasonCode Reason, string Detail, bool Refused = false);
