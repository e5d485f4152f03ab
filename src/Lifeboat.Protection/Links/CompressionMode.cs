// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.Links;

/// <summary>What an operator wants of a link's compression. Numbers are stored and never change.</summary>
public enum CompressionMode
{
    /// <summary>By measured gain: what gets records across soonest, or costs next to nothing.</summary>
    Auto = 0,
    None = 1,
    Lz4 = 2,
    Zstd = 3,
}
