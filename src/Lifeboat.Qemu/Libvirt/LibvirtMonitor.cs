// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace Lifeboat.Qemu.Libvirt;

/// <summary>
/// A QEMU monitor that belongs to libvirt, spoken to as if it were ours: libvirt has greeted it long since, numbers its
/// commands itself, and hands its events on. Several may talk at once; libvirt lets one command at a time through. What
/// QEMU could do out of band (`yank`) is not to be had this way.
/// </summary>
internal sealed class LibvirtMonitor : IMonitorLines
{
    private readonly BlockingCollection<(string Line, SafeHandle? Passed)> _commands = [];
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly LibvirtDomain _domain;
    private IDisposable? _events;

    private LibvirtMonitor(LibvirtDomain domain) => _domain = domain;

    /// <summary>The QEMU process; 0 when it is on another host, or cannot be seen from here.</summary>
    public int ProcessId { get; private set; }

    /// <exception cref="QmpException">Unreachable: no such domain, or it does not run; HostUnreachable.</exception>
    public static async Task<LibvirtMonitor> OpenAsync(LibvirtAddress address, CancellationToken ct)
    {
        var connection = await LibvirtConnection.OfAsync(address, ct);
        var opening = Task.Factory.StartNew(() => Open(connection, address), CancellationToken.None,
            TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            return await opening.WaitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            // It may come yet, and nobody waits for it then.
            _ = opening.ContinueWith(o => o.Result.Dispose(), CancellationToken.None,
                TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            throw;
        }
    }

    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken ct)
    {
        try
        {
            return Encoding.UTF8.GetBytes(await _lines.Reader.ReadAsync(ct));
        }
        catch (ChannelClosedException e)
        {
            return e.InnerException is QmpException why ? throw new QmpException(why.Fault, why.Message, why) : null;
        }
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct) => AddAsync(bytes, null, ct);

    public ValueTask PassAsync(ReadOnlyMemory<byte> line, SafeHandle passed, CancellationToken ct) =>
        AddAsync(line, passed, ct);

    private ValueTask AddAsync(ReadOnlyMemory<byte> line, SafeHandle? passed, CancellationToken ct)
    {
        try
        {
            _commands.Add((Encoding.UTF8.GetString(line.Span), passed), ct);
            return ValueTask.CompletedTask;
        }
        catch (InvalidOperationException e)
        {
            throw new QmpException(QmpFault.Closed, "the conversation has ended", e);
        }
    }

    // Libvirt's answers come as they are.
    public void GiveBack()
    {
    }

    public void Dispose()
    {
        _commands.CompleteAdding();
        _lines.Writer.TryComplete();
    }

    private static LibvirtMonitor Open(LibvirtConnection connection, LibvirtAddress address)
    {
        var domain = LibvirtDomain.Find(connection, address);
        var monitor = new LibvirtMonitor(domain);
        try
        {
            var version = JsonNode.Parse(domain.Monitor("""{"execute":"query-version"}"""))?["return"]?.DeepClone();
            monitor.ProcessId = LibvirtProcess.Find(address, domain.Uuid);
            monitor._events = domain.Listen(monitor.Heard);
            monitor.Tell(new JsonObject
            {
                ["QMP"] = new JsonObject { ["version"] = version, ["capabilities"] = new JsonArray() },
            });
        }
        catch
        {
            domain.Dispose();
            throw;
        }
        // Calls block, for as long as QEMU does: not on a thread that others need.
        new Thread(monitor.Run) { IsBackground = true, Name = "libvirt monitor" }.Start();
        return monitor;
    }

    private void Run()
    {
        try
        {
            foreach (var (line, passed) in _commands.GetConsumingEnumerable()) Answer(line, passed);
        }
        catch (QmpException e)
        {
            _lines.Writer.TryComplete(e);
            _commands.CompleteAdding();
        }
        finally
        {
            _events?.Dispose();
            _domain.Dispose();
        }
    }

    private void Answer(string line, SafeHandle? passed)
    {
        var command = JsonNode.Parse(line)!.AsObject();
        command.Remove("id", out var id);
        JsonObject answer;
        if (command["execute"]?.GetValue<string>() == "qmp_capabilities")
            answer = new JsonObject { ["return"] = new JsonObject() };
        else
        {
            try
            {
                answer = JsonNode.Parse(_domain.Monitor(command.ToJsonString(), passed))!.AsObject();
            }
            catch (QmpException e) when (e.Fault == QmpFault.Refused)
            {
                answer = new JsonObject
                {
                    ["error"] = new JsonObject { ["class"] = "GenericError", ["desc"] = e.Message },
                };
            }
        }
        answer["id"] = id;
        Tell(answer);
    }

    private void Heard(string name, string? data)
    {
        var message = new JsonObject { ["event"] = name };
        if (data is not null) message["data"] = JsonNode.Parse(data);
        Tell(message);
    }

    private void Tell(JsonObject message) => _lines.Writer.TryWrite(message.ToJsonString());
}
