// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Lifeboat.Testing.Field;

namespace Lifeboat.Testing.Messaging;

/// <summary>
/// A real RabbitMQ of its own on loopback: node, ports, directories and cookie are its own, and so is the port mapper
/// of Erlang, which would else stay behind. Its user `lifeboat` may do everything at the virtual host `/`.
/// </summary>
public sealed class RabbitServer : IAsyncDisposable
{
    public const string User = "lifeboat";
    // Beside its package's own start script, which would become another user.
    private const string Program = "/usr/lib/rabbitmq/bin/rabbitmq-server", Mapper = "/usr/bin/epmd";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private readonly string _directory;
    private readonly int _mapperPort = FreePort.Next(), _nodePort = FreePort.Next();
    private Process? _mapper, _process;

    private RabbitServer(string directory) => _directory = directory;

    /// <summary>Why there can be none here; null: there can.</summary>
    public static string? Missing =>
        File.Exists(Program) && File.Exists(Mapper) ? null : "RabbitMQ is not installed (rabbitmq-server)";

    public int Port { get; } = FreePort.Next();
    public string Password { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
    /// <summary>For `notifications.url` of a site.</summary>
    public string Url => $"rabbit://{User}@127.0.0.1:{Port}/";

    public static async Task<RabbitServer> StartAsync(CancellationToken ct)
    {
        var server = new RabbitServer(Directory.CreateTempSubdirectory("lb-rabbit-").FullName);
        await File.WriteAllTextAsync(Path.Combine(server._directory, "rabbitmq.conf"), $"""
            listeners.tcp.1 = 127.0.0.1:{server.Port}
            default_user = {User}
            default_pass = {server.Password}
            loopback_users = none
            vm_memory_high_watermark.absolute = 400MB
            disk_free_limit.absolute = 50MB
            log.console = false
            """, ct);
        await File.WriteAllTextAsync(Path.Combine(server._directory, "plugins"), "[].\n", ct);
        try
        {
            await server.StartAgainAsync(ct);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
        return server;
    }

    /// <summary>Starts it with what was durable of it.</summary>
    public async Task StartAgainAsync(CancellationToken ct)
    {
        _mapper ??= Process.Start(With(new ProcessStartInfo(Mapper,
            ["-port", $"{_mapperPort}", "-address", "127.0.0.1"])));
        _process = Process.Start(With(new ProcessStartInfo(Program)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        }))!;
        _process.OutputDataReceived += (_, _) => { };
        _process.ErrorDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        var start = TimeProvider.System.GetTimestamp();
        while (!await AnswersAsync(ct))
        {
            if (_process.HasExited || TimeProvider.System.GetElapsedTime(start) > Patience)
                throw new FieldException($"RabbitMQ does not answer:\n{Log()}");
            await Task.Delay(TimeSpan.FromMilliseconds(200), ct);
        }
    }

    /// <summary>As if its host lost power.</summary>
    public async Task KillAsync(CancellationToken ct)
    {
        if (_process is null) return;
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(ct);
        _process.Dispose();
        _process = null;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync(CancellationToken.None);
        _mapper?.Kill();
        _mapper?.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private ProcessStartInfo With(ProcessStartInfo start)
    {
        foreach (var (name, value) in new (string, string)[]
        {
            ("HOME", _directory), ("ERL_EPMD_PORT", $"{_mapperPort}"), ("RABBITMQ_DIST_PORT", $"{_nodePort}"),
            ("RABBITMQ_NODENAME", $"lb{Port}@localhost"), ("RABBITMQ_BASE", _directory),
            ("RABBITMQ_CONFIG_FILE", Path.Combine(_directory, "rabbitmq.conf")),
            ("RABBITMQ_CONF_ENV_FILE", Path.Combine(_directory, "none")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", Path.Combine(_directory, "plugins")),
            ("RABBITMQ_MNESIA_BASE", Path.Combine(_directory, "mnesia")),
            ("RABBITMQ_LOG_BASE", Path.Combine(_directory, "log")),
            ("RABBITMQ_GENERATED_CONFIG_DIR", Path.Combine(_directory, "config")),
            ("RABBITMQ_PID_FILE", Path.Combine(_directory, "pid")),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "+S 1:1 +sbwt none +A 4 -kernel inet_dist_use_interface {127,0,0,1}"),
        }) start.Environment[name] = value;
        return start;
    }

    // A broker says nothing before it is asked: the protocol's header, which it answers once it is up.
    private async Task<bool> AnswersAsync(CancellationToken ct)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, Port, ct);
            var stream = client.GetStream();
            await stream.WriteAsync("AMQP\0\0\u0009\u0001"u8.ToArray(), ct);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(TimeSpan.FromSeconds(5));
            return await stream.ReadAsync(new byte[8], limit.Token) > 0;
        }
        catch (Exception e) when (e is SocketException or IOException
            || e is OperationCanceledException && !ct.IsCancellationRequested)
        {
            return false;
        }
    }

    private string Log() => Directory.Exists(Path.Combine(_directory, "log")) ? string.Join('\n',
        Directory.GetFiles(Path.Combine(_directory, "log")).Select(File.ReadAllText)) : "";
}
