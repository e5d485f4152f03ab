// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics.CodeAnalysis;

namespace Lifeboat.Protection;

/// <summary>Safety checks that stay on in production builds. A broken invariant ends the operation, never the
/// guest.</summary>
public static class Invariant
{
    /// <exception cref="InvariantViolationException">The condition does not hold.</exception>
    public static void Holds([DoesNotReturnIf(false)] bool condition, string what)
    {
        if (!condition) throw new InvariantViolationException(what);
    }
}

/// <summary>Thrown when the code itself is wrong; never caught to go on, only to let go of the guest and
/// stop.</summary>
public sealed class InvariantViolationException(string what) : Exception($"invariant broken: {what}");
