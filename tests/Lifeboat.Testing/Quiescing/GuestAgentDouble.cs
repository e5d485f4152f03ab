// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Lifeboat.Testing.Quiescing;

/// <summary>
/// A fake qemu-ga on a unix socket: no guest is behind it. It knows what a frozen one refuses, and can behave as the
/// Windows one does: VSS holds for a limit, lets go by itself, and the thaw then says so.
/// </summary>
public sealed class GuestAgentDouble : IAsyncDisposable
{
    /// <summary>As qemu-ga's VSS requester puts it (qga/vss-win32/requester.cpp, VSS_E_HOLD_WRITES_TIMEOUT).</summary>
    public const string HeldTooLong = "couldn't hold writes: fsfreeze is limited up to 10 seconds";

    private static readonly string[] WhileFrozen =
        ["guest-sync-delimited", "guest-ping", "guest-fsfreeze-thaw", "guest-fsfreeze-status"];

    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _stop = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-qga").FullName;
    private readonly Task _serving;
    private readonly TimeProvider _time;
    private readonly Dictionary<long, (int Code, string Output)> _ended = [];
    private long _frozenAt, _position, _lastProcess = 100;
    private bool _frozen, _tooLong;

    public GuestAgentDouble(TimeProvider time)
    {
        _time = time;
        Socket = Path.Combine(_directory, "qga.sock");
        _listener.Bind(new UnixDomainSocketEndPoint(Socket));
        _listener.Listen(1);
        _serving = ServeAsync();
    }

    public string Socket { get; }
    /// <summary>Windows: how long VSS holds; null: Linux, where a freeze has no end.</summary>
    public TimeSpan? VssLimit { get; init; }
    public int FileSystems { get; init; } = 2;
    /// <summary>What a program says, by its path and arguments in one line; exit code 0 without it.</summary>
    public Func<string, (int Code, string Output)> Run { get; init; } = _ => (0, "");
    /// <summary>What the hook directory adds to its log at each freeze; null: there is no log.</summary>
    public string? HookLines { get; set; }
    public string Log { get; private set; } = "";
    public List<string> Asked { get; } = [];

    public bool Frozen => _frozen && !HasLetGo;

    private bool HasLetGo => VssLimit is { } limit && _time.GetElapsedTime(_frozenAt) > limit;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _serving;
        Directory.Delete(_directory, recursive: true);
    }

    private async Task ServeAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using var client = await _listener.AcceptAsync(_stop.Token);
                using var reader = new StreamReader(new NetworkStream(client), Encoding.Latin1);
                while (await reader.ReadLineAsync(_stop.Token) is { } line)
                    await AnswerAsync(client, line.TrimStart('ÿ'));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or IOException)
            {
                // The client went away, or the test is over.
            }
        }
    }

    private async Task AnswerAsync(Socket client, string line)
    {
        var asked = JsonDocument.Parse(line).RootElement;
        var command = asked.GetProperty("execute").GetString()!;
        var arguments = asked.TryGetProperty("arguments", out var given) ? given : default;
        lock (Asked) Asked.Add(command);
        var answer = _frozen && !WhileFrozen.Contains(command)
            ? Error("CommandNotFound", $"Command {command} has been disabled: the agent is in frozen state")
            : Do(command, arguments);
        if (command == "guest-sync-delimited") await client.SendAsync(new byte[] { 0xFF }, _stop.Token);
        await client.SendAsync(Encoding.UTF8.GetBytes(answer + "\n"), _stop.Token);
    }

    private string Do(string command, JsonElement arguments) => command switch
    {
        "guest-sync-delimited" => Return(arguments.GetProperty("id").GetInt64()),
        "guest-fsfreeze-freeze" => Freeze(FileSystems),
        "guest-fsfreeze-freeze-list" => Freeze(arguments.GetProperty("mountpoints").GetArrayLength()),
        "guest-fsfreeze-thaw" => Thaw(),
        "guest-fsfreeze-status" => Return(_frozen ? "frozen" : "thawed"),
        "guest-exec" => Exec(arguments),
        "guest-exec-status" => Ended(arguments.GetProperty("pid").GetInt64()),
        "guest-file-open" when HookLines is not null => Return(7),
        "guest-file-seek" => Seek(arguments),
        "guest-file-read" => Return(new Dictionary<string, object>
        {
            ["buf-b64"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(Log[(int)_position..])), ["eof"] = true,
        }),
        "guest-file-close" or "guest-ping" => Return(new Dictionary<string, object>()),
        "guest-file-open" => Error("GenericError", "failed to open file: No such file or directory"),
        _ => Error("CommandNotFound", $"The command {command} has not been found"),
    };

    private string Freeze(int count)
    {
        (_frozen, _tooLong, _frozenAt) = (true, false, _time.GetTimestamp());
        Log += HookLines;
        return Return(count);
    }

    private string Thaw()
    {
        if (!_frozen) return Return(0);
        (_tooLong, _frozen) = (HasLetGo, false);
        return _tooLong ? Error("GenericError", HeldTooLong) : Return(FileSystems);
    }

    private string Exec(JsonElement arguments)
    {
        var words = arguments.GetProperty("arg").EnumerateArray().Select(a => a.GetString());
        _ended[++_lastProcess] = Run($"{arguments.GetProperty("path").GetString()} {string.Join(' ', words)}");
        return Return(new Dictionary<string, object> { ["pid"] = _lastProcess });
    }

    private string Ended(long process) => _ended.Remove(process, out var end)
        ? Return(new Dictionary<string, object>
        {
            ["exited"] = true, ["exitcode"] = end.Code,
            ["out-data"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(end.Output)),
        })
        : Error("GenericError", "Invalid parameter 'pid'");

    private string Seek(JsonElement arguments)
    {
        _position = arguments.GetProperty("whence").GetString() == "end" ? Log.Length
            : arguments.GetProperty("offset").GetInt64();
        return Return(new Dictionary<string, object> { ["position"] = _position, ["eof"] = false });
    }

    private static string Return(object value) => JsonSerializer.Serialize(new { @return = value });

    private static string Error(string kind, string text) =>
        JsonSerializer.Serialize(new { error = new { @class = kind, desc = text } });
}
