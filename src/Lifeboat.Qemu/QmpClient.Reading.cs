// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lifeboat.Qemu;

public sealed partial class QmpClient
{
    private static readonly JsonElement Nothing = JsonElement.Parse("{}");

    private async Task GreetAsync(CancellationToken ct)
    {
        var qmp = await HearGreetingAsync(ct);
        Version = ReadVersion(qmp);
        OutOfBand = qmp.TryGetProperty("capabilities", out var offered) && offered.ValueKind == JsonValueKind.Array
            && offered.EnumerateArray().Any(c => c.ValueKind == JsonValueKind.String && c.GetString() == "oob");
        _reading = ReadLoopAsync(_stop.Token);
        var enable = OutOfBand ? new JsonObject { ["enable"] = new JsonArray("oob") } : null;
        try
        {
            await ExecuteAsync("qmp_capabilities", enable, ct);
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    private async Task<JsonElement> HearGreetingAsync(CancellationToken ct)
    {
        while (await _lines.ReadAsync(ct) is { } line)
        {
            var message = Parse(line.Span);
            if (message.TryGetProperty("QMP", out var qmp) && qmp.ValueKind == JsonValueKind.Object) return qmp;
            // QEMU's main thread may emit an event, or answer the client before us, after it has accepted us and before
            // its monitor thread greets.
            if (!message.TryGetProperty("event", out _) && !message.TryGetProperty("return", out _)
                && !message.TryGetProperty("error", out _))
                throw new QmpException(QmpFault.Protocol, $"{SocketPath} did not greet as a QEMU monitor");
        }
        throw new QmpException(QmpFault.Closed, $"{SocketPath}: closed before the greeting");
    }

    private async Task ReadLoopAsync(CancellationToken ct)
    {
        QmpException why;
        try
        {
            while (await _lines.ReadAsync(ct) is { } line)
                if (!line.IsEmpty && line.Span.IndexOfAnyExcept((byte)' ', (byte)'\r') >= 0) Take(line.Span);
            why = new QmpException(QmpFault.Closed, "QEMU closed the monitor connection");
        }
        catch (QmpException e)
        {
            why = e;
        }
        catch (OperationCanceledException)
        {
            why = new QmpException(QmpFault.Closed, "the monitor connection was closed on this side");
        }
        _lines.Dispose();
        _lines.GiveBack();
        End(why);
    }

    private void Take(ReadOnlySpan<byte> line)
    {
        var message = QmpMessage.Read(line);
        if (message.Event is { } name)
        {
            var happened = new QmpEvent(name, message.Data.IsEmpty ? Nothing : JsonElement.Parse(message.Data));
            lock (_lock)
                foreach (var subscriber in _subscribers) subscriber.Offer(happened);
            return;
        }
        Answer? answer = null;
        if (message.Id is { } id)
            lock (_lock) _waiting.TryGetValue(id, out answer);
        // No waiter: a late answer to a command that was given up.
        if (answer is null) return;
        if (!message.Return.IsEmpty) answer.Take(message.Return);
        else answer.Fail(ReadError(Parse(line)));
    }

    private void End(QmpException why)
    {
        lock (_lock)
        {
            _ended = why;
            foreach (var answer in _waiting.Values) answer.Fail(why);
            foreach (var subscriber in _subscribers) subscriber.End(why);
            _subscribers.Clear();
        }
    }

    internal static JsonElement Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            var message = JsonElement.Parse(line);
            return message.ValueKind == JsonValueKind.Object
                ? message
                : throw new QmpException(QmpFault.Protocol, "a message is not a JSON object");
        }
        catch (JsonException e)
        {
            throw new QmpException(QmpFault.Protocol, $"a line is not JSON: {e.Message}", e);
        }
    }

    internal static QmpException ReadError(JsonElement message)
    {
        if (!message.TryGetProperty("error", out var error) || error.ValueKind != JsonValueKind.Object)
            return new QmpException(QmpFault.Protocol, "an answer has neither a return nor an error");
        return new QmpException(QmpFault.Refused, Text(error, "class"), Text(error, "desc"));
    }

    private static string Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";

    private static string ReadVersion(JsonElement qmp)
    {
        if (!qmp.TryGetProperty("version", out var version) || version.ValueKind != JsonValueKind.Object
            || !version.TryGetProperty("qemu", out var qemu) || qemu.ValueKind != JsonValueKind.Object) return "";
        return string.Join('.', new[] { "major", "minor", "micro" }
            .Select(part => qemu.TryGetProperty(part, out var n) ? n.GetRawText() : "0"));
    }
}
