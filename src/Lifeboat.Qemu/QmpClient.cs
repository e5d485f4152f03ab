// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Qemu.Libvirt;

namespace Lifeboat.Qemu;

/// <summary>
/// A conversation with a QEMU monitor (QMP over a unix socket, or through the libvirt that has it). A monitor socket
/// serves ONE client at a time, the next waits without a greeting: keep conversations short, so that others (a
/// controller, an operator) get their turn. Jobs, exports and bitmaps outlive the conversation. Commands may be sent
/// from several threads.
/// </summary>
public sealed partial class QmpClient : IAsyncDisposable
{
    private readonly IMonitorLines _lines;
    private readonly QmpOptions _options;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly Lock _lock = new();
    private readonly Dictionary<long, Answer> _waiting = [];
    private readonly List<QmpEvents> _subscribers = [];
    private readonly CancellationTokenSource _stop = new();
    private QmpException? _ended;
    // Far from those of the client before us, whose late answer would otherwise pass for ours.
    private long _lastId = RandomNumberGenerator.GetInt32(int.MaxValue) * 1_000_000L;
    private bool _disposed;
    private Task _reading = Task.CompletedTask;

    private QmpClient(IMonitorLines lines, string path, int processId, QmpOptions options, TimeProvider time)
    {
        _lines = lines;
        SocketPath = path;
        ProcessId = processId;
        _options = options;
        _time = time;
    }

    /// <summary>Path of the socket, or an address at a libvirt.</summary>
    public string SocketPath { get; }
    /// <summary>The QEMU process, as the kernel says; 0 when it does not.</summary>
    public int ProcessId { get; }
    /// <summary>E.g. `7.2.22`.</summary>
    public string Version { get; private set; } = "";
    /// <summary>Out-of-band execution was offered and enabled.</summary>
    public bool OutOfBand { get; private set; }

    /// <param name="path">Path of a socket, or a <see cref="LibvirtAddress"/>.</param>
    /// <exception cref="QmpException">Unreachable, Busy (no greeting in time), Protocol, HostUnreachable.</exception>
    public static async Task<QmpClient> ConnectAsync(
        string path, QmpOptions options, TimeProvider time, CancellationToken ct)
    {
        // Cancelled by the caller (ct) or by the limit; the latter means that somebody else holds the monitor.
        using var late = new CancellationTokenSource(options.ConnectLimit, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        IMonitorLines? lines = null;
        var address = LibvirtAddress.Read(path);
        try
        {
            (lines, var process) = address is null ? await OpenAsync(path, options, time, any.Token)
                : await OpenAsync(address, any.Token);
            var client = new QmpClient(lines, path, process, options, time);
            await client.GreetAsync(any.Token);
            return client;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            lines?.Dispose();
            throw address is null
                ? new QmpException(QmpFault.Busy,
                    $"{path}: no greeting within {options.ConnectLimit.TotalSeconds:0.#} s; "
                    + "a monitor socket serves one client at a time and another one is connected")
                : new QmpException(QmpFault.HostUnreachable,
                    $"{path}: libvirt did not answer within {options.ConnectLimit.TotalSeconds:0.#} s");
        }
        catch
        {
            lines?.Dispose();
            throw;
        }
    }

    /// <summary>Runs a command and returns what stands under `return`.</summary>
    /// <exception cref="QmpException">Refused with QEMU's words, Timeout, Closed.</exception>
    public Task<JsonElement> ExecuteAsync(string command, JsonObject? arguments, CancellationToken ct) =>
        ExecuteAsync("execute", command, arguments, static answer => JsonElement.Parse(answer), ct);

    /// <summary>
    /// Gives QEMU a descriptor, which commands then know by a name (`getfd`). An older one of that name is closed.
    /// </summary>
    /// <exception cref="QmpException">Refused: also where none can be passed, as by a libvirt before 8.2 or one on
    /// another host; Timeout, Closed.</exception>
    public Task PassAsync(string name, SafeHandle passed, CancellationToken ct) =>
        ExecuteAsync("execute", "getfd", new JsonObject { ["fdname"] = name },
            static answer => JsonElement.Parse(answer), ct, passed);

    /// <summary>
    /// Runs a command that is answered with a list, of which nothing but what is made of its items stays in memory:
    /// one about hundreds of disks has a megabyte.
    /// </summary>
    /// <param name="read">Makes something of an item, at once; what it throws comes out here.</param>
    /// <exception cref="QmpException">Refused with QEMU's words, Timeout, Closed.</exception>
    /// <exception cref="InvalidOperationException">The answer is no list.</exception>
    public Task<List<T>> ListAsync<T>(
        string command, JsonObject? arguments, Func<JsonElement, T> read, CancellationToken ct) =>
        ExecuteAsync("execute", command, arguments, list => ItemsOf(list, read), ct);

    /// <summary>Runs at once, also while the main loop is blocked (`yank`). Needs <see cref="OutOfBand"/>.</summary>
    public Task<JsonElement> ExecuteOutOfBandAsync(string command, JsonObject? arguments, CancellationToken ct) =>
        ExecuteAsync("exec-oob", command, arguments, static answer => JsonElement.Parse(answer), ct);

    public QmpEvents Subscribe()
    {
        var subscriber = new QmpEvents(_time, Unsubscribe);
        lock (_lock)
        {
            if (_ended is { } why) subscriber.End(why);
            else _subscribers.Add(subscriber);
        }
        return subscriber;
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, true)) return;
        await _stop.CancelAsync();
        _lines.Dispose();
        await _reading;
        _stop.Dispose();
        _writing.Dispose();
    }

    private static async Task<(IMonitorLines, int)> OpenAsync(
        string path, QmpOptions options, TimeProvider time, CancellationToken ct)
    {
        var socket = await UnixSocket.ConnectAsync(path, time, ct);
        return (new JsonLines(socket, options.LineBytesMax), UnixSocket.PeerProcessId(socket));
    }

    private static async Task<(IMonitorLines, int)> OpenAsync(LibvirtAddress address, CancellationToken ct)
    {
        var monitor = await LibvirtMonitor.OpenAsync(address, ct);
        return (monitor, monitor.ProcessId);
    }

    private async Task<T> ExecuteAsync<T>(string verb, string command, JsonObject? arguments, ReadAnswer<T> read,
        CancellationToken ct, SafeHandle? passed = null) where T : notnull
    {
        if (_options.Before is { } before) await before(command);
        var answer = new Answer(result => read(result));
        long id;
        lock (_lock)
        {
            if (_ended is { } why) throw new QmpException(why.Fault, $"{command}: {why.Message}", why);
            id = ++_lastId;
            _waiting.Add(id, answer);
        }
        // Cancelled by the caller (ct) or by the limit; only the latter is a time-out.
        using var late = new CancellationTokenSource(_options.CommandLimit, _time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        try
        {
            await SendAsync(Encode(verb, command, arguments, id), passed, any.Token);
            return (T)await answer.Read.WaitAsync(any.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new QmpException(QmpFault.Timeout,
                $"{command} was not answered within {_options.CommandLimit.TotalSeconds:0.#} s");
        }
        catch (QmpException e) when (e.Fault == QmpFault.Refused)
        {
            throw new QmpException(QmpFault.Refused, e.ErrorClass, $"{command}: {e.Message}", e);
        }
        finally
        {
            lock (_lock) _waiting.Remove(id);
        }
    }

    private async Task SendAsync(ReadOnlyMemory<byte> line, SafeHandle? passed, CancellationToken ct)
    {
        await _writing.WaitAsync(ct);
        try
        {
            if (passed is null) await _lines.WriteAsync(line, ct);
            else await _lines.PassAsync(line, passed, ct);
        }
        finally
        {
            _writing.Release();
        }
    }

    private static List<T> ItemsOf<T>(ReadOnlySpan<byte> list, Func<JsonElement, T> read)
    {
        var reader = new Utf8JsonReader(list);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray) throw new InvalidOperationException("the answer is no list");
        var items = new List<T>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            items.Add(read(JsonElement.ParseValue(ref reader)));
        return items;
    }

    private static ReadOnlyMemory<byte> Encode(string verb, string command, JsonObject? arguments, long id)
    {
        var bytes = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString(verb, command);
            json.WriteNumber("id", id);
            if (arguments is not null)
            {
                json.WritePropertyName("arguments");
                arguments.WriteTo(json);
            }
            json.WriteEndObject();
        }
        bytes.Write("\n"u8);
        return bytes.WrittenMemory;
    }

    private void Unsubscribe(QmpEvents subscriber)
    {
        lock (_lock) _subscribers.Remove(subscriber);
    }

    private delegate T ReadAnswer<out T>(ReadOnlySpan<byte> result);

    // What a command waits for: the line is read where it stands, before the next one takes its place.
    private sealed class Answer(ReadAnswer<object> read)
    {
        private readonly TaskCompletionSource<object> _read = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<object> Read => _read.Task;

        public void Take(ReadOnlySpan<byte> result)
        {
            try
            {
                _read.TrySetResult(read(result));
            }
            catch (Exception e)
            {
                Fail(e); // whoever asked knows what to make of it
            }
        }

        public void Fail(Exception why) => _read.TrySetException(why);
    }
}
