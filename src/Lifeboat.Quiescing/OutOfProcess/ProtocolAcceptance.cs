// SPDX-License-Identifier: Apache-2.0
using System.Text;
using System.Text.Json;

namespace Lifeboat.Quiescing.OutOfProcess;

/// <summary>
/// What a provider at a socket must do beside what every provider must: keep to the protocol whatever is sent, serve
/// several at once, and be its own dead man.
/// </summary>
public static class ProtocolAcceptance
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan DeadMan = TimeSpan.FromSeconds(1);

    /// <summary>Runs all checks, the common ones first. Takes some seconds.</summary>
    /// <returns>For each check null, or what is wrong.</returns>
    /// <exception cref="QuiesceProviderException">Unreachable: nobody listens there, so nothing was tried.</exception>
    public static async Task<IReadOnlyList<(string Check, string? Problem)>> RunAsync(string path,
        QuiesceTarget target, TimeSpan limit, CancellationToken ct)
    {
        OutOfProcess Open(IReadOnlyDictionary<string, string> added) => OutOfProcess.At(path, target with
        {
            Settings = target.Settings.Concat(added).ToDictionary(),
        });
        using (await ProviderSocket.ConnectAsync(path, ct)) { }
        var results = (await ProviderAcceptance.RunAsync(Open, limit, target.Time, ct)).ToList();
        var socket = new ProviderSocket(path);
        foreach (var (check, run) in new (string, Func<Task<string?>>)[]
        {
            ("hello says its name and that it speaks protocol 1", () => HelloAsync(socket, target, ct)),
            ("what is no JSON, no object or no known method is answered with an error",
                () => RubbishAsync(socket, ct)),
            ("a line that is too long does not end it", () => LongLineAsync(socket, target, ct)),
            ("members that it does not know are passed over", () => UnknownMembersAsync(socket, target, ct)),
            ("one that connects and says nothing is in nobody's way", () => SilentAsync(path, socket, target, ct)),
            ("past the deadline it goes on by itself", () => DeadManAsync(Open, target.Time, ct)),
        })
        {
            string? problem;
            try
            {
                problem = await run().WaitAsync(Patience + DeadMan, target.Time, ct);
            }
            catch (QuiesceProviderException e)
            {
                problem = $"{e.Fault}: {e.Message}";
            }
            catch (TimeoutException)
            {
                problem = "it did not answer";
            }
            results.Add((check, problem));
        }
        return results;
    }

    private static async Task<string?> HelloAsync(ProviderSocket socket, QuiesceTarget target, CancellationToken ct)
    {
        var hello = await socket.AskAsync<HelloAnswer>(new ProviderRequest(1, "hello", target.Instance), ct);
        return hello.Protocol == 1 && hello.Name.Length > 0 ? null : $"it says '{hello.Name}', {hello.Protocol}";
    }

    private static async Task<string?> RubbishAsync(ProviderSocket socket, CancellationToken ct)
    {
        foreach (var line in new[] { "what?", "[]", "{}", """{"protocol":1,"method":"dance","instance":"x"}""" })
        {
            var answer = await socket.SendAsync(Encoding.UTF8.GetBytes(line), ct);
            if (!IsError(answer.Span)) return $"it answered {line} with {Encoding.UTF8.GetString(answer.Span)}";
        }
        return null;
    }

    private static async Task<string?> LongLineAsync(
        ProviderSocket socket, QuiesceTarget target, CancellationToken ct)
    {
        try
        {
            var answer = await socket.SendAsync(Enumerable.Repeat((byte)'x', 2 * ProviderSocket.LineMax).ToArray(), ct);
            if (!IsError(answer.Span)) return "it answered it as if it were right";
        }
        catch (QuiesceProviderException)
        {
            // It may hang up on that.
        }
        return await HelloAsync(socket, target, ct);
    }

    private static async Task<string?> UnknownMembersAsync(
        ProviderSocket socket, QuiesceTarget target, CancellationToken ct)
    {
        var asked = JsonSerializer.SerializeToUtf8Bytes(new
        {
            protocol = 1, method = "state", instance = target.Instance, settings = target.Settings, further = new { },
        });
        return IsError((await socket.SendAsync(asked, ct)).Span) ? "it refused a request with one" : null;
    }

    private static async Task<string?> SilentAsync(
        string path, ProviderSocket socket, QuiesceTarget target, CancellationToken ct)
    {
        using var silent = await ProviderSocket.ConnectAsync(path, ct);
        return await HelloAsync(socket, target, ct);
    }

    private static async Task<string?> DeadManAsync(
        Func<IReadOnlyDictionary<string, string>, OutOfProcess> open, TimeProvider time, CancellationToken ct)
    {
        var provider = open(new Dictionary<string, string>());
        var call = new QuiesceCall(Guid.NewGuid(), DeadMan, time.GetUtcNow() + DeadMan);
        await provider.QuiesceAsync(call, ct);
        await Task.Delay(DeadMan * 2, time, ct);
        var state = await provider.StateAsync(ct);
        var thawed = await provider.ThawAsync(call, ct);
        if (state == QuiesceState.Quiesced) return $"it is quiesced {DeadMan.TotalSeconds:0} s after its deadline";
        return thawed.Held ? "its thaw says that it held until then" : null;
    }

    private static bool IsError(ReadOnlySpan<byte> answer)
    {
        try
        {
            var reader = new Utf8JsonReader(answer);
            using var json = JsonDocument.ParseValue(ref reader);
            return json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty("error", out var error)
                && error.TryGetProperty("fault", out _) && error.TryGetProperty("message", out _);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private sealed record HelloAnswer(string Name, int Protocol);
}
