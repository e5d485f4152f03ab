// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;

namespace Lifeboat.Contracts.Api;

/// <summary>What is to be different about a link; null leaves it as it is.</summary>
public sealed record LinkChange
{
    /// <summary>E.g. `200Mbit`; `none` or empty: no cap.</summary>
    public string? Cap { get; init; }
    /// <summary>All windows in the place of those before, e.g. `mon-fri 08:00-18:00 20Mbit`; empty: none.</summary>
    public IReadOnlyList<string>? Windows { get; init; }
    public string? TimeZone { get; init; }
    public CompressionMode? Compression { get; init; }

    /// <summary>All paths in the place of those before; empty: none.</summary>
    public IReadOnlyList<string>? Paths { get; init; }

    public LinkSettings Applied(LinkSettings settings) => settings with
    {
        Cap = Cap switch { null => settings.Cap, "" or "none" => null, var cap => cap },
        Windows = Windows ?? settings.Windows,
        TimeZone = TimeZone ?? settings.TimeZone,
        Compression = Compression ?? settings.Compression,
        Paths = Paths ?? settings.Paths,
    };
}
