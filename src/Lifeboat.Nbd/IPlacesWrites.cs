// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>
/// An export that has a place for the data of a long write before it has come: it is received there and need not be
/// moved. Called like the rest of <see cref="INbdExport"/>. A write longer than the place it got comes in pieces, one
/// after the other; a connection that ends in between leaves the earlier ones written, as a torn write does.
/// </summary>
public interface IPlacesWrites
{
    /// <summary>
    /// Where the first bytes of this write are to be received, at most <paramref name="length"/> of them and at least
    /// one. What is there means nothing until <see cref="WritePlaced"/>, which does not follow when the client goes
    /// away or is cut. May be called once more after the connection was cut.
    /// </summary>
    Memory<byte> Place(long offset, int length);

    /// <summary>The bytes have come into the whole of <paramref name="place"/>, which is the export's again.</summary>
    NbdError WritePlaced(long offset, Memory<byte> place, bool fua);
}
