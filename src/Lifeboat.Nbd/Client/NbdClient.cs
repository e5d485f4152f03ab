// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Lifeboat.Nbd;

/// <summary>
/// One connection to an NBD server, with many requests in flight. Everything that goes wrong is an
/// <see cref="NbdException"/>. A request that is cancelled while it is on the wire ends the connection, because its
/// memory could not be given back otherwise; the canceller gets an OperationCanceledException, the others Closed.
/// </summary>
public sealed partial class NbdClient : IAsyncDisposable
{
    private readonly Socket _socket;
    private readonly Stream _stream;
    private readonly Agreed _agreed;
    private readonly PendingRequests _pending = new();
    private readonly SemaphoreSlim _slots;
    private readonly SemaphoreSlim _sending = new(1);
    private readonly byte[] _sendBuffer = new byte[Wire.RequestBytes + SmallPayload];
    private readonly Task _reading;

    private const int SmallPayload = 64 * 1024;

    private NbdClient(Socket socket, Stream stream, Agreed agreed, int inFlightMax)
    {
        (_socket, _stream, _agreed) = (socket, stream, agreed);
        _slots = new SemaphoreSlim(inFlightMax);
        _reading = ReadRepliesAsync(CancellationToken.None);
    }

    /// <summary>What the server told; its MetaContexts are those agreed on.</summary>
    public NbdExportInfo Info => _agreed.Info;

    public IReadOnlyList<string> MetaContexts => _agreed.Info.MetaContexts;

    public bool StructuredReplies => _agreed.Structured;

    /// <summary>Completes when the connection is no longer usable.</summary>
    public Task Ended => _reading;

    public static Task<NbdClient> ConnectAsync(EndPoint endPoint, NbdClientOptions options, CancellationToken ct) =>
        NbdDial.RunAsync(endPoint, options, async (socket, handshake, token) =>
        {
            var agreed = await handshake.ChooseAsync(token);
            return new NbdClient(socket, handshake.Stream, agreed, options.InFlightMax);
        }, keepOpen: true, ct);

    public static Task<IReadOnlyList<NbdListedExport>> ListAsync(
        EndPoint endPoint, NbdClientOptions options, CancellationToken ct) =>
        NbdDial.RunAsync(endPoint, options, (_, handshake, token) => handshake.ListAsync(token), keepOpen: false, ct);

    /// <summary>Says goodbye if it can, ends what is in flight with Closed, waits until its memory is free.</summary>
    public async ValueTask DisposeAsync()
    {
        var goodbye = Task.CompletedTask;
        var disposed = new NbdException(NbdFault.Closed, "the client was disposed");
        var sends = await _sending.WaitAsync(TimeSpan.Zero);
        // Before the goodbye: a server hangs up upon it, and the reader would take that for a lost connection.
        _pending.Close(disposed);
        if (sends && !_reading.IsCompleted)
            goodbye = WriteAsync(new PendingRequest(Command.Disconnect, CommandFlags.None, 0, 0), default);
        // A server that does not read must not keep us: the goodbye leaves at once or not at all.
        Fail(disposed);
        await goodbye;
        // Who waits to send, or comes only now, is told so as well.
        if (sends) _sending.Release();
        await _reading;
        await _stream.DisposeAsync();
        _socket.Dispose();
    }

    private async Task SubmitAsync(PendingRequest request, ReadOnlyMemory<byte> payload, CancellationToken ct)
    {
        await _slots.WaitAsync(ct);
        try
        {
            await SendAsync(request, payload, ct);
        }
        catch (NbdException e) when (ct.IsCancellationRequested && e.Fault == NbdFault.Closed)
        {
            throw new OperationCanceledException("a request in flight was cancelled", e, ct);
        }
        finally
        {
            _slots.Release();
        }
    }

    private async Task SendAsync(PendingRequest request, ReadOnlyMemory<byte> payload, CancellationToken ct)
    {
        await _sending.WaitAsync(ct);
        using var cancelled = ct.UnsafeRegister(static client => ((NbdClient)client!).Fail(
            new NbdException(NbdFault.Closed, "a request in flight was cancelled")), this);
        try
        {
            _pending.Add(request);
            await WriteAsync(request, payload);
        }
        finally
        {
            _sending.Release();
        }
        await request.Done;
    }

    // Not cancellable: half a request would end the connection anyway. Fail() makes it return.
    private async Task WriteAsync(PendingRequest request, ReadOnlyMemory<byte> payload)
    {
        var header = _sendBuffer.AsSpan();
        BinaryPrimitives.WriteUInt32BigEndian(header, Wire.RequestMagic);
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)request.Flags);
        BinaryPrimitives.WriteUInt16BigEndian(header[6..], (ushort)request.Command);
        BinaryPrimitives.WriteUInt64BigEndian(header[8..], request.Cookie);
        BinaryPrimitives.WriteInt64BigEndian(header[16..], request.Offset);
        BinaryPrimitives.WriteUInt32BigEndian(header[24..], request.Length);
        var together = Math.Min(payload.Length, SmallPayload);
        payload[..together].CopyTo(_sendBuffer.AsMemory(Wire.RequestBytes));
        try
        {
            await _stream.WriteAsync(_sendBuffer.AsMemory(0, Wire.RequestBytes + together), CancellationToken.None);
            if (together < payload.Length)
                await _stream.WriteAsync(payload[together..], CancellationToken.None);
        }
        catch (IOException e)
        {
            Fail(NbdException.Lost("send failed", e));
        }
    }

    private async Task ReadRepliesAsync(CancellationToken ct)
    {
        var reader = new ReplyReader(_stream, _agreed, _pending);
        try
        {
            while (true)
                await reader.ReadOneAsync(ct);
        }
        catch (Exception e)   // the top of the reader: whatever ended it must reach everybody who waits
        {
            Fail(e as NbdException ?? NbdException.Lost("receive failed", e));
        }
        _pending.FailAll();
    }

    /// <summary>Makes the connection unusable; the reader then ends and answers everything in flight.</summary>
    private void Fail(NbdException why)
    {
        _pending.Close(why);
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Already gone, which is what we want.
        }
    }
}
