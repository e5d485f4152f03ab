// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text.Json;
using Lifeboat.Protection;

namespace Lifeboat.Contracts.Agents;

/// <summary>What is asked over a <see cref="CutLine"/>: the byte that stands for it.</summary>
public enum CutVerb : byte
{
    /// <summary>Acknowledgements of all groups of the cut are withheld from here on, for 50 ms at most.</summary>
    Hold = (byte)'H',
    /// <summary>Every group is cut and released. How it went is asked over HTTP, where nobody waits.</summary>
    Cut = (byte)'C',
}

// Guests wait from the first hold to the last cut. Over HTTP each of the two is a dozen changes of threads, on hosts
// whose processors are the guests': so the coordinator has a line to each agent for these two, with a thread at each
// end.
//
//   agent        ready          (when its thread runs)
//   coordinator  verb cut       1 byte, 16 bytes of the id in network order
//   agent        length json    4 bytes little endian; 0: done, else that many bytes of a problem
//
/// <summary>A coordinator's line to one agent, for one shared checkpoint that is reserved there already.</summary>
public sealed class CutLine : IDisposable
{
    /// <summary>Bytes of what is asked.</summary>
    public const int AskBytes = 17;
    /// <summary>An answer is no longer.</summary>
    public const int AnswerBytesMax = 1 << 16;

    // A hold lasts 50 ms at most; an agent that takes so long is of no use to the others.
    private const int PatienceMilliseconds = 1000;

    private readonly string _path;
    private readonly Socket _socket;

    private CutLine(string path, Socket socket) => (_path, _socket) = (path, socket);

    /// <summary>Returns when the agent's thread waits for what is asked.</summary>
    /// <param name="path">Of `cut.sock`.</param>
    /// <exception cref="ProblemException">AgentUnreachable.</exception>
    public static Task<CutLine> OpenAsync(string path, CancellationToken ct) => Task.Run(() => Open(path), ct);

    // Blocking from the start: of a socket that was used in another way once, a thread of the runtime waits first.
    private static CutLine Open(string path)
    {
        var line = new CutLine(path, new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        {
            ReceiveTimeout = PatienceMilliseconds, SendTimeout = PatienceMilliseconds,
        });
        try
        {
            line._socket.Connect(new UnixDomainSocketEndPoint(path));
            line.Receive(stackalloc byte[1]);
            return line;
        }
        catch (SocketException e)
        {
            line.Dispose();
            throw line.Broken(e.Message, e);
        }
        catch
        {
            line.Dispose();
            throw;
        }
    }

    /// <summary>Asks and does not wait; <see cref="Answer"/> follows.</summary>
    /// <exception cref="ProblemException">AgentUnreachable.</exception>
    public void Ask(CutVerb verb, Guid cut)
    {
        Span<byte> ask = stackalloc byte[AskBytes];
        ask[0] = (byte)verb;
        cut.TryWriteBytes(ask[1..], bigEndian: true, out _);
        try
        {
            _socket.Send(ask);
        }
        catch (SocketException e)
        {
            throw Broken(e.Message, e);
        }
    }

    /// <summary>Returns when what was asked is done.</summary>
    /// <exception cref="ProblemException">It cannot be done, for the agent's reason; or AgentUnreachable.</exception>
    public void Answer()
    {
        Span<byte> head = stackalloc byte[4];
        Receive(head);
        var length = BinaryPrimitives.ReadInt32LittleEndian(head);
        if (length == 0) return;
        if (length is < 0 or > AnswerBytesMax) throw Broken($"an answer of {length} bytes");
        var body = new byte[length];
        Receive(body);
        throw Read(body);
    }

    public void Dispose() => _socket.Dispose();

    private ProblemException Read(byte[] body)
    {
        try
        {
            if (JsonSerializer.Deserialize<Problem>(body, ContractJson.Answers) is { } problem)
                return new ProblemException(problem.Reason, problem.Title, problem.Detail, problem.Errors);
        }
        catch (JsonException)
        {
            // Not one of ours.
        }
        return Broken("its answer cannot be read");
    }

    private void Receive(Span<byte> all)
    {
        try
        {
            while (all.Length > 0)
            {
                var received = _socket.Receive(all);
                if (received == 0) throw Broken("it closed the connection");
                all = all[received..];
            }
        }
        catch (SocketException e)
        {
            throw Broken(e.Message, e);
        }
    }

    private ProblemException Broken(string why, Exception? cause = null) => new(
        ReasonCode.AgentUnreachable, "the agent does not answer", $"{_path}: {why}", cause: cause);
}
