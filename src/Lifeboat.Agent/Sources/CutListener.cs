// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text.Json;
using Lifeboat.Agent.Api;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Sources;

/// <summary>The agent's end of <see cref="CutLine"/>s: a thread for each, which waits for nothing else.</summary>
internal sealed partial class CutListener : IDisposable
{
    // Coordinators are the site's controllers, and each has few cuts under way.
    private const int Backlog = 64;
    private static readonly TimeSpan NotAcceptedPause = TimeSpan.FromSeconds(1);

    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly SharedCuts _cuts;
    private readonly ILogger _logger;
    private readonly ManualResetEventSlim _ended = new();
    private volatile bool _disposed;

    private CutListener(SharedCuts cuts, ILogger<CutListener> logger) => (_cuts, _logger) = (cuts, logger);

    /// <param name="path">Nobody else listens there: who calls has the agent's lock.</param>
    /// <exception cref="SocketException">It cannot be listened there.</exception>
    public static CutListener Listen(string path, SharedCuts cuts, ILogger<CutListener> logger)
    {
        var listener = new CutListener(cuts, logger);
        File.Delete(path);
        listener._listener.Bind(new UnixDomainSocketEndPoint(path));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        listener._listener.Listen(Backlog);
        UrgentThread.Start("cut-listener", listener.Accept);
        return listener;
    }

    public void Dispose()
    {
        _disposed = true;
        _ended.Set();
        _listener.Dispose();
    }

    private void Accept()
    {
        while (!_disposed)
        {
            try
            {
                var line = _listener.Accept();
                UrgentThread.Start("cut-line", () => Serve(line));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                if (_disposed) return;
                LogNotAccepted(e.Message);
                // Out of descriptors it would be the same at once, on a thread that goes before everybody else's.
                _ended.Wait(NotAcceptedPause);
            }
        }
    }

    // Ends with its coordinator; a line that hears nothing for longer than a cut may live is of one that is gone.
    private void Serve(Socket line)
    {
        using (line)
        {
            try
            {
                line.ReceiveTimeout = (int)SharedCutRequest.Lifetime.TotalMilliseconds;
                line.Send([0]); // ready
                Span<byte> ask = stackalloc byte[CutLine.AskBytes];
                while (TryReceive(line, ask))
                    Send(line, Do((CutVerb)ask[0], new Guid(ask[1..], bigEndian: true)));
            }
            catch (SocketException)
            {
                // Gone, or silent for too long: what it holds ends by itself.
            }
        }
    }

    private Problem? Do(CutVerb verb, Guid cut)
    {
        try
        {
            switch (verb)
            {
                case CutVerb.Hold:
                    _cuts.Hold(cut);
                    return null;
                case CutVerb.Cut:
                    _cuts.Cut(cut);
                    return null;
                default:
                    return Problems.BadRequest($"byte {(byte)verb} asks for nothing that this agent knows");
            }
        }
        catch (Exception e)   // the top of a request
        {
            return Problems.Of(e);
        }
    }

    private static void Send(Socket line, Problem? problem)
    {
        var body = problem is null ? [] : JsonSerializer.SerializeToUtf8Bytes(problem, ContractJson.Options);
        var answer = new byte[sizeof(int) + body.Length];
        BinaryPrimitives.WriteInt32LittleEndian(answer, body.Length);
        body.CopyTo(answer, sizeof(int));
        line.Send(answer);
    }

    private static bool TryReceive(Socket line, Span<byte> all)
    {
        while (all.Length > 0)
        {
            var received = line.Receive(all);
            if (received == 0) return false;
            all = all[received..];
        }
        return true;
    }

    [LoggerMessage(EventIds.CutLineRefused, LogLevel.Warning, "A line for shared cuts could not be taken: {Detail}")]
    private partial void LogNotAccepted(string detail);
}
