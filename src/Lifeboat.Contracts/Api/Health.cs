// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Contracts.Api;

/// <summary>What `/readyz` says.</summary>
/// <param name="Ready">The controller can answer: its database does. Agents and peers never take that away.</param>
public sealed record Readiness(bool Ready, IReadOnlyList<HealthPart> Parts);

/// <param name="Part">`database`, `agent HOST` or `peer SITE`.</param>
/// <param name="Reason">None: well.</param>
public sealed record HealthPart(string Part, ReasonCode Reason, string? Detail);
