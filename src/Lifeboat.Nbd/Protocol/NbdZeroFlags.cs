// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

[Flags]
public enum NbdZeroFlags
{
    None = 0,

    /// <summary>Durable before the answer.</summary>
    Fua = 1,

    /// <summary>Leave the range allocated.</summary>
    NoHole = 2,

    /// <summary>Answer NotSupported at once unless this is faster than writing zeroes.</summary>
    Fast = 4,
}
