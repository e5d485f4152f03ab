// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;

namespace Lifeboat.Nbd;

// The request loop of one connection, on its thread.
//
// Invariants:
//   The export is called only with ranges that RequestRules passed.
//   No answer leaves before EndOfBatch allowed it.
//   Once the connection is cut, no further request reaches the export.
//   The thread never blocks in receive while it holds an answer back.
//   Held memory: one receive and one reply buffer, neither longer than a header plus PayloadBytesMax and a cache line;
//   and at most one place of an export that places its writes.
internal sealed partial class Transmission(Channel channel, Session session, NbdConnection connection, int payloadMax)
{
    private readonly RequestBuffer _requests = new(channel, payloadMax);
    private readonly ReplyBuffer _replies = new(channel, session);
    private readonly NbdExtents _extents = new();
    private readonly INbdExport _export = session.Export;
    private readonly IPlacesWrites? _places = session.Export as IPlacesWrites;
    private readonly NbdExportInfo _info = session.Export.Info;
    private bool _batchOpen;

    /// <summary>Returns when the client has said goodbye.</summary>
    public void Run()
    {
        while (true)
        {
            while (_requests.TryTake(out var request, out var payload))
            {
                if (request.Command == Command.Disconnect)
                {
                    SendReplies();
                    return;
                }
                EnterExport();
                Execute(request, payload);
                if (_replies.IsFull)
                    SendReplies();
            }
            SendReplies();
            if (!TryPlaceWrite() && !_requests.Fill())
                throw NbdException.Lost("the client went away without a disconnect request");
        }
    }

    private void EnterExport()
    {
        if (connection.IsCut)
            throw NbdException.Lost("the connection was cut");
        if (!_batchOpen)
            OpenBatch();
    }

    private void OpenBatch()
    {
        _batchOpen = true;
        connection.OldestUnansweredSince = Stopwatch.GetTimestamp();
    }

    private void SendReplies()
    {
        if (!_batchOpen)
            return;
        if (_export.EndOfBatch() is var error && error != NbdError.None)
            throw new NbdException(NbdFault.ExportFailed, $"the export could not commit a batch: {error}");
        _replies.Send();
        _batchOpen = false;
        connection.OldestUnansweredSince = 0;
    }

    private void Execute(in Request request, ReadOnlySpan<byte> payload)
    {
        var error = RequestRules.Check(request, _info, session, payloadMax);
        if (request.Command == Command.Read)
            Read(request, error);
        else if (request.Command == Command.BlockStatus)
            BlockStatus(request, error);
        else
            _replies.AddSimple(request.Cookie, error == NbdError.None ? Change(request, payload) : error);
    }

    private NbdError Change(in Request request, ReadOnlySpan<byte> payload)
    {
        var (offset, length, fua) = ((long)request.Offset, (long)request.Length, request.Has(CommandFlags.Fua));
        return request.Command switch
        {
            Command.Write => _export.Write(offset, payload, fua),
            Command.Flush => _export.Flush(),
            Command.Trim => _export.Trim(offset, length, fua),
            Command.Cache => _export.Cache(offset, length),
            Command.WriteZeroes => _export.Zero(offset, length, ZeroFlags(request)),
            _ => NbdError.Invalid,
        };
    }

    private static NbdZeroFlags ZeroFlags(in Request request) =>
        (request.Has(CommandFlags.Fua) ? NbdZeroFlags.Fua : 0)
        | (request.Has(CommandFlags.NoHole) ? NbdZeroFlags.NoHole : 0)
        | (request.Has(CommandFlags.FastZero) ? NbdZeroFlags.Fast : 0);

    private void Read(in Request request, NbdError error)
    {
        if (error == NbdError.None)
        {
            if (!_replies.HasRoomFor((int)request.Length))
                SendReplies();
            if (!_batchOpen)
                OpenBatch();
            var data = _replies.BeginRead(request.Cookie, request.Offset, (int)request.Length);
            error = _export.Read((long)request.Offset, data);
            if (error == NbdError.None)
            {
                _replies.CommitRead((int)request.Length);
                return;
            }
        }
        _replies.AddReadError(request.Cookie, error);
    }

    private void BlockStatus(in Request request, NbdError error)
    {
        var one = request.Has(CommandFlags.RequestOne);
        var mark = _replies.Mark();
        for (var i = 0; i < session.Contexts.Count && error == NbdError.None; i++)
        {
            var context = session.Contexts[i];
            _extents.Begin(request.Length, one ? 1 : NbdLimits.ExtentsPerReplyMax);
            error = _export.BlockStatus(context.Name, (long)request.Offset, request.Length, _extents);
            if (error == NbdError.None && _extents.Items.Count == 0)
                error = NbdError.Io;   // the protocol has no empty answer
            if (error == NbdError.None)
                _replies.AddBlockStatus(request.Cookie, context.Id, _extents.Items, i == session.Contexts.Count - 1);
        }
        if (error == NbdError.None)
            return;
        _replies.RollBack(mark);
        _replies.AddChunkError(request.Cookie, error);
    }
}
