// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Verification;

/// <summary>What one check found.</summary>
public sealed record Finding(bool Passed, string Text)
{
    public override string ToString() => (Passed ? "ok: " : "failed: ") + Text;
}
