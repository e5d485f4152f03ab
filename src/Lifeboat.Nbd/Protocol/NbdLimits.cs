// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>Bounds on what a peer may make us hold. Those named by the NBD protocol have its values.</summary>
public static class NbdLimits
{
    /// <summary>Bytes of UTF-8 in an export name, description or meta context query (protocol: 4096).</summary>
    public const int NameBytesMax = 4096;

    /// <summary>Bytes of data in one option or option reply; a longer one ends the connection.</summary>
    public const int OptionBytesMax = 64 * 1024;

    /// <summary>Options in one handshake.</summary>
    public const int OptionsMax = 256;

    /// <summary>Bytes of data in one read or write (protocol: 32 MiB works with every peer).</summary>
    public const int PayloadBytesMax = 32 * 1024 * 1024;

    /// <summary>Queries in one meta context option.</summary>
    public const int MetaQueriesMax = 64;

    /// <summary>Meta contexts in force on one connection.</summary>
    public const int MetaContextsMax = 16;

    /// <summary>Extents per context that our server puts into one block status reply.</summary>
    public const int ExtentsPerReplyMax = 32 * 1024;

    /// <summary>Extents per context that our client accepts in one answer (QEMU sends up to 128 Ki).</summary>
    public const int ExtentsAcceptedMax = 1024 * 1024;

    /// <summary>Extents that one BlockStatusAsync collects; a caller with more asks for smaller ranges.</summary>
    public const int ExtentsCollectedMax = 4 * 1024 * 1024;

    /// <summary>Exports that our client accepts in one listing.</summary>
    public const int ListedExportsMax = 10_000;
}
