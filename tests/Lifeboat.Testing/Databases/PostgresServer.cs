// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Testing.Databases;

/// <summary>
/// A real PostgreSQL server of its own on a unix socket, in a temporary directory; it goes when it is disposed of, or
/// when this process ends. About 30 MiB of memory, 2 s to start.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    public const string User = "lifeboat";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    // The shell's input is a pipe that ends with this process, whatever ends it.
    private const string Keep = """
        "$@" </dev/null >>"$LOG" 2>&1 &
        cat >/dev/null
        kill -QUIT $! 2>/dev/null
        wait $!
        """;

    private readonly string _directory;
    private Process? _keeper;

    private PostgresServer(string directory) => _directory = directory;

    /// <summary>Why there can be none on this machine; null: there can.</summary>
    public static string? Missing => Programs is not null ? null
        : "no PostgreSQL server here: /usr/lib/postgresql/*/bin/initdb missing; kit/set-up installs it";

    /// <summary>Directory of the socket; also a host as clients take it.</summary>
    public string Socket => _directory;

    /// <summary>Process id of the server that runs now.</summary>
    public int ProcessId => int.Parse(File.ReadLines(Path.Combine(Data, "postmaster.pid")).First(),
        CultureInfo.InvariantCulture);

    /// <summary>As site.json has it.</summary>
    public string Url(string database) => $"postgresql://{User}@/{database}?host={Uri.EscapeDataString(Socket)}";

    public static async Task<PostgresServer> StartAsync(CancellationToken ct)
    {
        var server = new PostgresServer(Directory.CreateTempSubdirectory("lbpg-").FullName);
        try
        {
            if (Owner is { } owner) await HostCommand.MustAsync("chown", [owner, server._directory], ct);
            await HostCommand.MustAsync(AsOwner[0],
                [.. AsOwner.Skip(1), Program("initdb"), "-D", server.Data, "-U", User, "-A", "trust", "-E", "UTF8",
                    "--locale=C.UTF-8", "--no-sync"], ct);
            await server.ResumeAsync(ct);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it again after <see cref="KillAsync"/>.</summary>
    public async Task ResumeAsync(CancellationToken ct)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", Keep, "sh", .. AsOwner, Program("postgres"), "-D", Data,
            "-k", Socket, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=100"])
        {
            RedirectStandardInput = true,
            Environment = { ["LOG"] = Log },
        };
        _keeper = Process.Start(start)
            ?? throw new OracleException(OracleFault.ToolFailed, "the shell that keeps PostgreSQL did not start");
        var since = Stopwatch.GetTimestamp();
        while ((await HostCommand.RunAsync(Program("pg_isready"), ["-q", "-h", Socket], ct)).ExitCode != 0)
        {
            if (_keeper.HasExited || Stopwatch.GetElapsedTime(since) > Limit)
                throw new OracleException(OracleFault.ToolFailed,
                    $"PostgreSQL did not start: {(File.Exists(Log) ? await File.ReadAllTextAsync(Log, ct) : "")}");
            await Task.Delay(50, ct);
        }
    }

    /// <summary>A new empty database.</summary>
    public async Task<string> CreateDatabaseAsync(string name, CancellationToken ct)
    {
        await PsqlAsync("postgres", $"CREATE DATABASE {name}", ct);
        return Url(name);
    }

    /// <summary>What psql prints for a statement; it must succeed.</summary>
    public Task<string> PsqlAsync(string database, string sql, CancellationToken ct) => HostCommand.MustAsync(
        Program("psql"), ["-h", Socket, "-U", User, "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", database,
            "-c", sql], ct);

    /// <summary>Ends it as a power failure would: no process of it is asked.</summary>
    public async Task KillAsync(CancellationToken ct)
    {
        using var server = Process.GetProcessById(ProcessId);
        server.Kill();
        await StopAsync(ct);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        Directory.Delete(_directory, recursive: true);
        File.Delete(Log);
    }

    private async Task StopAsync(CancellationToken ct)
    {
        if (_keeper is not { } keeper) return;
        _keeper = null;
        keeper.StandardInput.Close();
        await keeper.WaitForExitAsync(ct);
        keeper.Dispose();
    }

    private string Data => Path.Combine(_directory, "data");
    private string Log => Path.Combine(Path.GetTempPath(), Path.GetFileName(_directory) + ".log");

    // PostgreSQL does not run as root.
    private static string? Owner { get; } = Environment.UserName != "root" ? null
        : File.ReadLines("/etc/passwd").Any(l => l.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres"
        : "nobody";

    private static string[] AsOwner { get; } = Owner is { } owner
        ? ["/usr/bin/setpriv", $"--reuid={owner}", "--clear-groups", "--"] : ["/usr/bin/env"];

    private static string? Programs { get; } = !Directory.Exists("/usr/lib/postgresql") ? null
        : Directory.EnumerateDirectories("/usr/lib/postgresql").Select(d => Path.Combine(d, "bin"))
            .Where(d => File.Exists(Path.Combine(d, "initdb"))).Order(StringComparer.Ordinal).LastOrDefault();

    private static string Program(string name) => Path.Combine(Programs
        ?? throw new OracleException(OracleFault.ToolMissing, Missing!), name);
}
