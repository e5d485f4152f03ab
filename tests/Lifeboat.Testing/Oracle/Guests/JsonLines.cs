// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lifeboat.Testing.Oracle;

/// <summary>
/// The least of a QMP or qemu-ga client: one command at a time, events skipped. The kit's own, so that a fault in the
/// product's client cannot hide behind itself.
/// </summary>
public sealed class JsonLines : IAsyncDisposable
{
    private readonly NetworkStream _stream;
    private readonly StreamReader _reader;

    private JsonLines(Socket socket)
    {
        _stream = new NetworkStream(socket, ownsSocket: true);
        _reader = new StreamReader(_stream);
    }

    public static async Task<JsonLines> ToMonitorAsync(string path, CancellationToken ct)
    {
        var lines = await ConnectAsync(path, ct);
        await lines._reader.ReadLineAsync(ct);   // the greeting
        await lines.AskAsync("qmp_capabilities", null, ct);
        return lines;
    }

    /// <summary>Skips whatever an earlier client left unread: the port keeps answers nobody fetched.</summary>
    public static async Task<JsonLines> ToGuestAgentAsync(string path, CancellationToken ct)
    {
        var lines = await ConnectAsync(path, ct);
        var mark = Environment.TickCount64;
        await lines.SendAsync("guest-sync", new JsonObject { ["id"] = mark }, ct);
        while (true)
        {
            var answer = await lines.ReadAsync(ct);
            if (answer["return"] is JsonValue value && value.TryGetValue<long>(out var seen) && seen == mark)
                return lines;
        }
    }

    /// <exception cref="OracleException">GuestFailed: the other end answered with an error.</exception>
    public async Task<JsonNode?> AskAsync(string command, JsonObject? arguments, CancellationToken ct)
    {
        await SendAsync(command, arguments, ct);
        while (true)
        {
            var answer = await ReadAsync(ct);
            if (answer.ContainsKey("event")) continue;
            if (answer["error"] is { } error)
                throw new OracleException(OracleFault.GuestFailed, $"{command}: {error["desc"]}");
            return answer["return"];
        }
    }

    /// <summary>For commands that never answer, such as guest-shutdown.</summary>
    public async Task SendAsync(string command, JsonObject? arguments, CancellationToken ct)
    {
        var message = new JsonObject { ["execute"] = command };
        if (arguments is not null) message["arguments"] = arguments;
        await _stream.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(message).Append((byte)'\n').ToArray(), ct);
    }

    public async ValueTask DisposeAsync()
    {
        _reader.Dispose();
        await _stream.DisposeAsync();
    }

    private static async Task<JsonLines> ConnectAsync(string path, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), ct);
            return new JsonLines(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<JsonObject> ReadAsync(CancellationToken ct) =>
        await _reader.ReadLineAsync(ct) is { } line
        && JsonNode.Parse(line.TrimStart('\u00ff', '\ufffd')) is JsonObject found
            ? found
            : throw new OracleException(OracleFault.GuestFailed, "the other end closed the connection");
}
