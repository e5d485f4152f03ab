// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

// Long writes into an export that has a place for them.
internal sealed partial class Transmission
{
    private bool TryPlaceWrite()
    {
        if (_places is null || !_requests.TryTakeLong(out var request, out var begun))
            return false;
        var error = RequestRules.Check(request, _info, session, payloadMax);
        if (error == NbdError.None)
            error = PlaceWrite(_places, request, begun);
        else
            Skip((int)request.Length - begun.Length);
        EnterExport();   // a write that was refused is answered like any other
        _replies.AddSimple(request.Cookie, error);
        return true;
    }

    // A piece that failed fails the write; the rest is still received, since the next request stands behind it.
    private NbdError PlaceWrite(IPlacesWrites places, in Request request, ReadOnlySpan<byte> begun)
    {
        var error = NbdError.None;
        for (int done = 0, length = (int)request.Length; done < length && error == NbdError.None;)
        {
            var offset = (long)request.Offset + done;
            var place = places.Place(offset, length - done);
            var from = begun[..Math.Min(begun.Length, place.Length)];
            from.CopyTo(place.Span);
            begun = begun[from.Length..];
            _requests.ReceiveRest(place.Span[from.Length..]);
            EnterExport();
            error = places.WritePlaced(offset, place, request.Has(CommandFlags.Fua));
            LeaveExport();
            done += place.Length;
            if (error != NbdError.None)
                Skip(length - done - begun.Length);
        }
        return error;
    }

    // Between two pieces we wait for the client, not the client for us.
    private void LeaveExport()
    {
        _batchOpen = false;
        connection.OldestUnansweredSince = 0;
    }

    private void Skip(int length)
    {
        Span<byte> nowhere = stackalloc byte[4096];
        for (; length > 0; length -= nowhere.Length)
            _requests.ReceiveRest(nowhere[..Math.Min(length, nowhere.Length)]);
    }
}
