// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>What an export is and can do; fixed for the life of a connection. Sizes in bytes.</summary>
public sealed record NbdExportInfo
{
    public required string Name { get; init; }

    public required long Size { get; init; }

    public string Description { get; init; } = "";

    public bool ReadOnly { get; init; }

    /// <summary>Offsets and lengths are multiples of this; a power of two up to 64 KiB.</summary>
    public int MinBlock { get; init; } = 1;

    /// <summary>The request size that suits the export best; a power of two from 512.</summary>
    public int PreferredBlock { get; init; } = 4096;

    /// <summary>The longest read or write; at most <see cref="NbdLimits.PayloadBytesMax"/>.</summary>
    public int MaxBlock { get; init; } = NbdLimits.PayloadBytesMax;

    /// <summary>A flush on one connection covers the answered writes of all connections.</summary>
    public bool CanMultiConn { get; init; }

    public bool CanFlush { get; init; } = true;

    public bool CanFua { get; init; } = true;

    public bool CanTrim { get; init; }

    public bool CanZero { get; init; }

    public bool CanFastZero { get; init; }

    public bool CanCache { get; init; }

    /// <summary>Full names, for example base:allocation.</summary>
    public IReadOnlyList<string> MetaContexts { get; init; } = [];

    public IEnumerable<string> Problems()
    {
        if (System.Text.Encoding.UTF8.GetByteCount(Name) > NbdLimits.NameBytesMax)
            yield return $"the export name is longer than {NbdLimits.NameBytesMax} bytes";
        if (System.Text.Encoding.UTF8.GetByteCount(Description) > NbdLimits.NameBytesMax)
            yield return $"the description is longer than {NbdLimits.NameBytesMax} bytes";
        if (MinBlock is < 1 or > 65536 || !int.IsPow2(MinBlock))
            yield return $"minBlock is {MinBlock}; allowed are powers of two from 1 to 65536";
        else if (Size < 0 || Size % MinBlock != 0)
            yield return $"size is {Size}; it must be a multiple of {MinBlock}";
        if (PreferredBlock < Math.Max(MinBlock, 512) || !int.IsPow2(PreferredBlock))
            yield return $"preferredBlock is {PreferredBlock}; it must be a power of two, at least 512 and minBlock";
        if (MaxBlock < PreferredBlock || MaxBlock > NbdLimits.PayloadBytesMax || MaxBlock % MinBlock != 0)
            yield return $"maxBlock is {MaxBlock}; allowed is preferredBlock to {NbdLimits.PayloadBytesMax}";
        if (MetaContexts.Count > NbdLimits.MetaContextsMax)
            yield return $"{MetaContexts.Count} meta contexts; allowed are {NbdLimits.MetaContextsMax}";
    }
}
