// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Runs;

/// <summary>How far the running step is; for who watches, not stored.</summary>
/// <param name="Fraction">0 to 1; null when it cannot tell.</param>
public sealed record StepProgress(int Index, double? Fraction, string? Note);
