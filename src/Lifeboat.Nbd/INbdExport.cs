// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>
/// A disk that the server offers. Calls come on the connection's own thread, one at a time per connection and
/// concurrently from several connections. The server has checked every offset and length against
/// <see cref="Info"/>; a method is called only where Info says that it is able. Blocking in a call holds back the
/// answer, and every later one on that connection. Offsets and lengths in bytes. An exception ends the connection.
/// </summary>
public interface INbdExport
{
    NbdExportInfo Info { get; }

    NbdError Read(long offset, Span<byte> buffer);

    /// <summary>The data is only valid during the call.</summary>
    NbdError Write(long offset, ReadOnlySpan<byte> data, bool fua) => NbdError.NotSupported;

    NbdError Zero(long offset, long length, NbdZeroFlags flags) => NbdError.NotSupported;

    NbdError Trim(long offset, long length, bool fua) => NbdError.NotSupported;

    /// <summary>Every write answered before, on any connection if Info says multi-conn, is durable on return.</summary>
    NbdError Flush() => NbdError.None;

    NbdError Cache(long offset, long length) => NbdError.None;

    /// <summary>
    /// Whether it has this meta context besides those that Info lists: for contexts of which there are too many to
    /// list. Asked at the handshake, and then only for full names.
    /// </summary>
    bool Offers(string context) => false;

    /// <summary>Adds extents from <paramref name="offset"/> on; at least one, and may stop early.</summary>
    NbdError BlockStatus(string context, long offset, long length, NbdExtents extents) => NbdError.NotSupported;

    /// <summary>
    /// Called on the connection's thread before any answer is sent, so that an export may commit once for all
    /// the requests that one receive brought. An error ends the connection with none of those answers sent.
    /// </summary>
    NbdError EndOfBatch() => NbdError.None;
}
