// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lifeboat.Quiescing.OutOfProcess;

/// <summary>
/// The client side of docs/formats/quiesce-protocol.md: one connection, one line, one answer. Hanging up gives a
/// request up.
/// </summary>
internal sealed class ProviderSocket(string path)
{
    public const int LineMax = 64 << 10;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <exception cref="QuiesceProviderException">As the provider says, or Gone, Unreachable, Refused.</exception>
    public async Task<T> AskAsync<T>(ProviderRequest request, CancellationToken ct) where T : class
    {
        var line = await SendAsync(JsonSerializer.SerializeToUtf8Bytes(request, Json), ct);
        try
        {
            var answer = JsonSerializer.Deserialize<ProviderAnswer<T>>(line.Span, Json);
            if (answer?.Error is { } error) throw new QuiesceProviderException(FaultOf(error.Fault), error.Message);
            return answer?.Ok ?? throw Refused("it answered neither `ok` nor `error`", null);
        }
        catch (JsonException e)
        {
            throw Refused($"its answer to {request.Method} is not the protocol's: {e.Message}", e);
        }
    }

    /// <summary>Any line, and the line that comes back.</summary>
    public async Task<ReadOnlyMemory<byte>> SendAsync(ReadOnlyMemory<byte> line, CancellationToken ct)
    {
        using var socket = await ConnectAsync(path, ct);
        try
        {
            byte[] all = [.. line.Span, (byte)'\n'];
            for (var sent = 0; sent < all.Length;) sent += await socket.SendAsync(all.AsMemory(sent), ct);
            return await ReadAsync(socket, ct);
        }
        catch (SocketException e)
        {
            throw new QuiesceProviderException(ProviderFault.Unreachable, $"{path}: {e.Message}", e);
        }
    }

    /// <exception cref="QuiesceProviderException">Unreachable, with what is wrong with the path.</exception>
    public static async Task<Socket> ConnectAsync(string path, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), ct);
            return socket;
        }
        catch (Exception e) when (e is SocketException or ArgumentException or OperationCanceledException)
        {
            socket.Dispose();
            if (e is OperationCanceledException) throw;
            // .NET's own words for a path that is not there are about network addresses.
            throw new QuiesceProviderException(ProviderFault.Unreachable,
                File.Exists(path) ? $"{path}: {e.Message}" : $"{path}: there is no such socket", e);
        }
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(Socket socket, CancellationToken ct)
    {
        var buffer = new byte[LineMax];
        for (var length = 0; length < LineMax;)
        {
            var count = await socket.ReceiveAsync(buffer.AsMemory(length), ct);
            if (count == 0) throw Refused("it hung up without an answer", null);
            var newline = buffer.AsSpan(length, count).IndexOf((byte)'\n');
            if (newline >= 0) return buffer.AsMemory(0, length + newline);
            length += count;
        }
        throw Refused($"its answer is longer than {LineMax} bytes", null);
    }

    private static ProviderFault FaultOf(string fault) => fault switch
    {
        "gone" => ProviderFault.Gone,
        "unreachable" => ProviderFault.Unreachable,
        "timeout" => ProviderFault.Timeout,
        "misconfigured" => ProviderFault.Misconfigured,
        _ => ProviderFault.Refused,
    };

    private static QuiesceProviderException Refused(string message, Exception? cause) =>
        new(ProviderFault.Refused, message, cause);
}

/// <param name="Protocol">1.</param>
internal sealed record ProviderRequest(int Protocol, string Method, string Instance)
{
    public Guid? Id { get; init; }
    public double? LimitSeconds { get; init; }
    public DateTimeOffset? Deadline { get; init; }
    public IReadOnlyDictionary<string, string>? Settings { get; init; }
}

internal sealed record ProviderAnswer<T>(T? Ok = null, ProviderError? Error = null) where T : class;

internal sealed record ProviderError(string Fault, string Message);
