// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Cli.Doctor;

/// <summary>What was looked at, and what is wrong with it.</summary>
/// <param name="Wrong">Null: it is well.</param>
/// <param name="Advice">What to do when it is not.</param>
internal sealed record Finding(string What, string? Saw, string? Wrong = null, string? Advice = null);
