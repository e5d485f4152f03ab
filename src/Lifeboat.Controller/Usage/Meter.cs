// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Controller.Usage;

/// <summary>What is metered, and in what unit it is stored. Numbers are stored and never change.</summary>
internal enum Meter
{
    /// <summary>KiB seconds.</summary>
    Protected = 1,
    /// <summary>Bytes.</summary>
    Changed = 2,
    /// <summary>Bytes.</summary>
    Wire = 3,
    /// <summary>KiB seconds.</summary>
    Journal = 4,
    /// <summary>KiB seconds.</summary>
    Points = 5,
    /// <summary>Milliseconds of an instance.</summary>
    Drill = 6,
    /// <summary>Milliseconds of an instance.</summary>
    Recovery = 7,
    /// <summary>Milliseconds.</summary>
    Observed = 8,
    /// <summary>Milliseconds.</summary>
    Unobserved = 9,
}
