// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Recovery.Steps;

namespace Lifeboat.Recovery.Plans;

/// <param name="Always">Cleans up: runs also after another step failed or the run was cancelled.</param>
/// <param name="Barrier">Once done, nothing before it is undone automatically.</param>
public sealed record PlannedStep(IStep Step, bool Always = false, bool Barrier = false);
