// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture.Gateway;

// One disk while it is attached: what QEMU writes goes straight into the sink, on the connection's own thread, and is
// answered when the sink has given it its place. A sink that gives up ends the connection at once, which ends the
// mirror in QEMU; the guest goes on.
//
//   OPEN --dismiss--> DISMISSED (answers, keeps nothing) --let go--> OVER
//   OPEN --let go | the sink gives up | QEMU goes--> OVER (fails what is still asked)
internal sealed class CaptureConnection(
    string exportName, long sizeBytes, ICaptureSink sink, Action<CaptureConnection> cut, HoldMeter? holds = null)
    : INbdExport, IPlacesWrites
{
    private readonly TaskCompletionSource<CaptureEnd> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile State _state;

    private enum State { Open, Dismissed, Over }

    public NbdExportInfo Info { get; } = new()
    {
        Name = exportName,
        Size = sizeBytes,
        MaxBlock = RequestBytesMax,
        CanTrim = true,
        CanZero = true,
        CanFastZero = true,
    };

    // A record of the stream with its header must fit into one message of the link; QEMU splits what is longer.
    public const int RequestBytesMax = 8 << 20;
    private const int DismissedPlaceBytes = 64 << 10;

    /// <summary>Completes with why, once no further write can come through here.</summary>
    public Task<CaptureEnd> Ended => _ended.Task;

    /// <summary>False once dismissed or ended: a write since then may have been missed.</summary>
    public bool IsOpen => _state == State.Open;

    public NbdError Read(long offset, Span<byte> buffer) => NbdError.NotPermitted;

    public NbdError Write(long offset, ReadOnlySpan<byte> data, bool fua) =>
        IsOpen && Measured(holds?.Begin(), sink.Write(offset, data)) ? NbdError.None : NotKept();

    public Memory<byte> Place(long offset, int length) =>
        IsOpen ? sink.Place(length) : new byte[Math.Min(length, DismissedPlaceBytes)];

    public NbdError WritePlaced(long offset, Memory<byte> place, bool fua) =>
        IsOpen && Measured(holds?.Begin(), sink.WritePlaced(offset, place)) ? NbdError.None : NotKept();

    public NbdError Zero(long offset, long length, NbdZeroFlags flags) =>
        IsOpen && Measured(holds?.Begin(), sink.Zero(offset, length)) ? NbdError.None : NotKept();

    // What a discarded range reads as is up to the disk; zeroes are the cheapest of the allowed answers.
    public NbdError Trim(long offset, long length, bool fua) => Zero(offset, length, NbdZeroFlags.None);

    /// <summary>
    /// From now on nothing is kept and all is answered, so that no write of the guest fails while its mirror is ended
    /// (decision 0064). What has ended stays so. To be followed by <see cref="LetGo"/>.
    /// </summary>
    public void Dismiss()
    {
        if (Interlocked.CompareExchange(ref _state, State.Dismissed, State.Open) == State.Open) sink.Lost();
    }

    /// <summary>Ends it without waiting for anybody. Ending twice is ending once.</summary>
    public void LetGo(string why) => End(new CaptureEnd(Goodbye: false, why));

    public void End(CaptureEnd why)
    {
        if (Interlocked.Exchange(ref _state, State.Over) == State.Over) return;
        // First the stream: once the socket is closed, the guest's next write may be acknowledged without us.
        sink.Lost();
        cut(this);
        _ended.TrySetResult(why);
    }

    // Arguments are evaluated from left to right: the clock is read before the sink is asked.
    private bool Measured(long? began, bool taken)
    {
        if (began is { } at) holds!.End(at);
        return taken;
    }

    private NbdError NotKept()
    {
        if (_state == State.Dismissed)
        {
            // Whoever dismisses may not have come to it yet, and the guest goes on with this answer.
            sink.Lost();
            return NbdError.None;
        }
        LetGo("capture was given up");
        return NbdError.ShuttingDown;
    }
}

/// <param name="Goodbye">QEMU ended it in an orderly way, as it does when it quits.</param>
internal sealed record CaptureEnd(bool Goodbye, string Detail);
