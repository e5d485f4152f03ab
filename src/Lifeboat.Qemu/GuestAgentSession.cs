// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lifeboat.Qemu;

// One connection to a guest agent. The agent's stream has no session: what an earlier client asked for may be answered
// to us, half a line first. Both directions start with 0xFF, which is in no JSON text: the agent's parser drops what it
// had, and we drop all up to the sentinel of the answer that carries our own number.
internal sealed class GuestAgentSession(JsonLines lines) : IGuestAgentSession
{
    private const byte Sentinel = 0xFF;

    public async Task SyncAsync(long id, CancellationToken ct)
    {
        await lines.WriteAsync(new[] { Sentinel }, ct);
        await SendAsync("guest-sync-delimited", new JsonObject { ["id"] = id }, ct);
        while (true)
        {
            var line = await LineAsync(ct);
            var mark = line.Span.LastIndexOf(Sentinel);
            if (mark >= 0 && IsAnswer(line.Span[(mark + 1)..], id)) return;
        }
    }

    public async Task SendAsync(string command, JsonObject? arguments, CancellationToken ct)
    {
        var bytes = Encode(command, arguments);
        bytes.Write("\n"u8);
        await lines.WriteAsync(bytes.WrittenMemory, ct);
    }

    public async Task<JsonElement> ReceiveAsync(CancellationToken ct) => ReadAnswer((await LineAsync(ct)).Span);

    internal static ArrayBufferWriter<byte> Encode(string command, JsonObject? arguments)
    {
        var bytes = new ArrayBufferWriter<byte>(128);
        using var json = new Utf8JsonWriter(bytes);
        json.WriteStartObject();
        json.WriteString("execute", command);
        if (arguments is not null)
        {
            json.WritePropertyName("arguments");
            arguments.WriteTo(json);
        }
        json.WriteEndObject();
        json.Flush();
        return bytes;
    }

    internal static JsonElement ReadAnswer(ReadOnlySpan<byte> line)
    {
        var message = QmpClient.Parse(line);
        return message.TryGetProperty("return", out var result) ? result : throw QmpClient.ReadError(message);
    }

    private async ValueTask<ReadOnlyMemory<byte>> LineAsync(CancellationToken ct) =>
        await lines.ReadAsync(ct) ?? throw new QmpException(QmpFault.Closed, "the guest agent connection ended");

    // What stands before our answer is somebody else's and may be anything.
    private static bool IsAnswer(ReadOnlySpan<byte> text, long id)
    {
        try
        {
            return QmpClient.Parse(text).TryGetProperty("return", out var result)
                && result.ValueKind == JsonValueKind.Number && result.TryGetInt64(out var n) && n == id;
        }
        catch (QmpException)
        {
            return false;
        }
    }

    public void Dispose() => lines.Dispose();
}
