// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Lifeboat.Tests.Qemu;

/// <summary>A unix socket whose other end says exactly what a test tells it to, one client after another.</summary>
internal sealed class ScriptedPeer : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _serving;
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-peer").FullName;

    public ScriptedPeer(params Func<Conversation, Task>[] clients)
    {
        Path = System.IO.Path.Combine(_directory, "s");
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        _listener.Listen(1);
        _serving = ServeAsync(clients);
    }

    public const string Greeting = """
        {"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": ["oob"]}}
        """;

    public string Path { get; }

    /// <summary>Greets and answers the negotiation, then goes on with the script.</summary>
    public static Func<Conversation, Task> Qmp(Func<Conversation, Task> script) => async c =>
    {
        await c.SayAsync(Greeting);
        var negotiation = await c.HearAsync();
        Assert.Contains("qmp_capabilities", negotiation);
        c.CountFrom(negotiation);
        await c.SayAsync("""{"return": {}, "id": 1}""");
        await script(c);
    };

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _serving;
        Directory.Delete(_directory, recursive: true);
    }

    private async Task ServeAsync(Func<Conversation, Task>[] clients)
    {
        try
        {
            foreach (var script in clients)
            {
                using var socket = await _listener.AcceptAsync(_stop.Token);
                await script(new Conversation(socket, _stop.Token));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            // The test is over, or the client went away as the test wanted.
        }
    }
}

internal sealed class Conversation(Socket socket, CancellationToken stop)
{
    private readonly List<byte> _heard = [];
    private long _before;

    /// <summary>Scripts number the client's commands from 1 whatever ids it uses; this line holds its first.</summary>
    public void CountFrom(string firstCommand) =>
        _before = JsonElement.Parse(firstCommand).GetProperty("id").GetInt64() - 1;

    public Task SayAsync(string line) => SayAsync(Encoding.UTF8.GetBytes(
        Regex.Replace(line, "\"id\": (\\d+)", m => $"\"id\": {long.Parse(m.Groups[1].Value) + _before}") + "\n"));

    public async Task SayAsync(byte[] bytes) => await socket.SendAsync(bytes, stop);

    /// <summary>The next line that the client sent, a leading 0xFF included as U+FFFD.</summary>
    public async Task<string> HearAsync()
    {
        var buffer = new byte[4096];
        while (true)
        {
            var newline = _heard.IndexOf((byte)'\n');
            if (newline >= 0)
            {
                var line = Encoding.UTF8.GetString([.. _heard.Take(newline)]);
                _heard.RemoveRange(0, newline + 1);
                return line;
            }
            var count = await socket.ReceiveAsync(buffer, stop);
            if (count == 0) throw new OperationCanceledException("the client has gone");
            _heard.AddRange(buffer.AsSpan(0, count));
        }
    }

    public Task StayAsync() => Task.Delay(Timeout.InfiniteTimeSpan, stop);
}
