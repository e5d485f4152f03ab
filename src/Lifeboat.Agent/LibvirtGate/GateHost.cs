// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using Lifeboat.Contracts.Agents;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.LibvirtGate;

/// <param name="ListenPath">Where clients of libvirt connect instead, with libvirt's owner, group and mode.</param>
/// <param name="LibvirtPath">libvirt's own read-write socket.</param>
/// <param name="AgentPath">`agent.sock` of the site whose agent captures the domains of this host.</param>
public sealed record GateOptions(string ListenPath, string LibvirtPath, string AgentPath)
{
    /// <summary>A call waits no longer for the agent.</summary>
    public TimeSpan ReleaseLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Capture comes back after it, should libvirt not answer.</summary>
    public TimeSpan AnswerLimit { get; init; } = TimeSpan.FromMinutes(5);
}

/// <summary>
/// Stands between clients of libvirt and libvirt, so that what QEMU refuses while a disk is captured is refused to
/// nobody. It keeps nothing: killed, it is started again, and clients connect again as to a libvirt that was restarted.
/// </summary>
public sealed partial class GateHost : IDisposable
{
    private readonly HeldDomains _held = new();
    private readonly ILoggerFactory _logs;
    private readonly ILogger _logger;
    private readonly GateOptions _options;
    private readonly TimeProvider _time;

    public GateHost(GateOptions options, TimeProvider time)
    {
        (_options, _time, _logs) = (options, time, AgentLog.Create());
        _logger = _logs.CreateLogger<GateHost>();
    }

    /// <summary>Until it is cancelled.</summary>
    /// <exception cref="IOException">Something else is at the path, or it cannot be made.</exception>
    public async Task RunAsync(CancellationToken ct)
    {
        using var agent = new AgentClient(_options.AgentPath);
        using var listener = Listen();
        var connections = new ConcurrentDictionary<Task, bool>();
        LogListening(_options.ListenPath, _options.LibvirtPath);
        try
        {
            while (true)
            {
                var client = await listener.AcceptAsync(ct);
                var serving = ServeAsync(client, agent, ct);
                connections.TryAdd(serving, true);
                _ = serving.ContinueWith(t => connections.TryRemove(t, out _), TaskScheduler.Default);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            await Task.WhenAll(connections.Keys);
        }
        finally
        {
            File.Delete(_options.ListenPath);
        }
    }

    public void Dispose() => _logs.Dispose();

    private async Task ServeAsync(Socket client, AgentClient agent, CancellationToken ct)
    {
        await Task.Yield();
        var libvirt = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await libvirt.ConnectAsync(new UnixDomainSocketEndPoint(_options.LibvirtPath), ct);
            await new GateConnection(client, libvirt, agent, _held, _options, _time, _logger).RunAsync(ct);
        }
        catch (Exception e) when (e is SocketException or InvalidDataException or OperationCanceledException)
        {
            // The client sees what it would see of a libvirt that has ended.
            if (!ct.IsCancellationRequested) LogHungUp(e.Message);
        }
        finally
        {
            client.Dispose();
            libvirt.Dispose();
        }
    }

    private Socket Listen()
    {
        // A socket that nobody answers at is what a killed gate left.
        if (File.Exists(_options.ListenPath))
        {
            using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            if (Answers(probe)) throw new IOException($"{_options.ListenPath}: something else listens there");
            File.Delete(_options.ListenPath);
        }
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(_options.ListenPath));
        CopyOwner();
        listener.Listen();
        return listener;
    }

    // Whoever may ask libvirt may ask here, and nobody else: libvirt sees us, not who asks.
    private void CopyOwner()
    {
        using var chown = Process.Start("chown", [$"--reference={_options.LibvirtPath}", _options.ListenPath]);
        chown.WaitForExit();
        if (chown.ExitCode != 0)
            throw new IOException($"{_options.ListenPath} cannot be given libvirt's owner and group");
        File.SetUnixFileMode(_options.ListenPath, File.GetUnixFileMode(_options.LibvirtPath));
    }

    private bool Answers(Socket probe)
    {
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(_options.ListenPath));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    [LoggerMessage(EventIds.GateListening, LogLevel.Information, "Gate of {Libvirt} listens at {Path}")]
    private partial void LogListening(string path, string libvirt);

    [LoggerMessage(EventIds.GateHungUp, LogLevel.Warning, "A client of libvirt was hung up on: {Why}")]
    private partial void LogHungUp(string why);
}
