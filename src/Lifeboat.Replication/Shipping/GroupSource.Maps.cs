// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Shipping;

// Whether the change maps may be trusted: what is written down of where they begin, and when that moves.
//
// Invariants
//   A map is dropped only after it is written down what a replica must have to do without it.
//   A position that fits is followed by positions that fit; one that does not is compared until a gap is forgotten.
//   The position is the group's: while one of its disks is yet to be compared it does not move, and maps stay.
public sealed partial class GroupSource
{
    private async Task<bool> BasisFitsAsync(HelloReply reply, CancellationToken ct)
    {
        try
        {
            var fits = await _basis.FitsAsync(reply, ct);
            // An agent that starts again is as far behind as the one before it was.
            if (fits && _moments is not null && _basis.At is { } at)
            {
                LastMoment ??= at;
                BehindSince ??= at;
            }
            return fits || _flaws.TrustMaps;
        }
        catch (StorageException e)
        {
            LogBasisUnreadable(_options.Group, e.Message);
            return false;
        }
    }

    private async Task BeginInBasisAsync(CaptureStream stream, long from, CancellationToken ct)
    {
        try
        {
            await _basis.BeginAsync(stream.StreamId, from, ct);
        }
        catch (StorageException e)
        {
            // An agent that starts again from here compares.
            LogBasisUnwritten(_options.Group, e.Message);
        }
    }

    // Written down as it is, a gap that was forgotten early would be found: who has not all of it is compared.
    private long KnownAt(CaptureStream stream, long durable) =>
        _flaws.ForgetGapEarly ? stream.BaseSequence : durable;

    private async Task<bool> TryMoveBasisAsync(
        CaptureStream stream, long sequence, CancellationToken ct, DateTimeOffset? at = null)
    {
        // A disk that was away while the others were compared is compared by whoever finds it, this agent or the next.
        if (Array.Exists(_slots, s => s.Compare)) return false;
        try
        {
            await _basis.MoveAsync(_replica, stream.StreamId, sequence, at, ct);
            return true;
        }
        catch (StorageException e)
        {
            LogBasisUnwritten(_options.Group, e.Message);
            return false;
        }
    }

    [LoggerMessage(ReplicationEvents.BasisUnreadable, LogLevel.Warning,
        "Where the change maps of {Group} begin cannot be read, so the replica is compared: {Detail}")]
    private partial void LogBasisUnreadable(string group, string detail);

    [LoggerMessage(ReplicationEvents.BasisUnwritten, LogLevel.Warning,
        "Where the change maps of {Group} begin cannot be written down, so they are kept: {Detail}")]
    private partial void LogBasisUnwritten(string group, string detail);
}
