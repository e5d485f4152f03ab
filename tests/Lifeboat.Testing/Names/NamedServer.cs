// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Security.Cryptography;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Testing.Names;

/// <summary>
/// A real BIND 9 of its own on loopback: zone `dr.test` and the one that 192.0.2.0/24 leads back by, which the keys
/// `lifeboat` (hmac-sha256) and `strong` (hmac-sha512) may update; `reader` is known and may not.
/// </summary>
public sealed class NamedServer : IAsyncDisposable
{
    public const string Zone = "dr.test", ReverseZone = "2.0.192.in-addr.arpa";
    private const string Program = "/usr/sbin/named";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly string _directory;
    private readonly int _port;
    private Process? _process;

    private NamedServer(string directory, int port) => (_directory, _port) = (directory, port);

    public string Address => $"127.0.0.1:{_port}";
    /// <summary>Of all its keys, in base64.</summary>
    public string Secret { get; } = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    public static async Task<NamedServer> StartAsync(CancellationToken ct)
    {
        var server = new NamedServer(Directory.CreateTempSubdirectory("lb-named-").FullName, FreePort.Next());
        await server.WriteAsync(ct);
        await server.StartAgainAsync(ct);
        return server;
    }

    /// <summary>Starts it with the records that it had.</summary>
    public async Task StartAgainAsync(CancellationToken ct)
    {
        _process = Process.Start(new ProcessStartInfo(Program,
            ["-f", "-c", Path.Combine(_directory, "named.conf"), "-L", Path.Combine(_directory, "named.log")]))!;
        var start = TimeProvider.System.GetTimestamp();
        while ((await AskAsync(Zone, "SOA", ct)).Length == 0)
        {
            if (_process.HasExited || TimeProvider.System.GetElapsedTime(start) > Patience)
                throw new FieldException($"named does not answer:\n{File.ReadAllText(
                    Path.Combine(_directory, "named.log"))}");
            await Task.Delay(TimeSpan.FromMilliseconds(100), ct);
        }
    }

    public async Task StopAsync(CancellationToken ct)
    {
        if (_process is null) return;
        _process.Kill();
        await _process.WaitForExitAsync(ct);
        _process.Dispose();
        _process = null;
    }

    /// <summary>What somebody else's resolver would be told: the data of the records, in order.</summary>
    public async Task<string[]> AskAsync(string name, string type, CancellationToken ct)
    {
        var answer = await HostCommand.RunAsync("dig", ["+short", "+time=1", "+tries=1", "@127.0.0.1", "-p", $"{_port}",
            name, type], ct);
        return answer.ExitCode != 0 ? [] : [.. answer.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(l => !l.StartsWith(';')).Order(StringComparer.Ordinal)];
    }

    /// <summary>The record with its TTL, as a zone file has it.</summary>
    public async Task<string> RecordAsync(string name, string type, CancellationToken ct) =>
        string.Join('\n', (await HostCommand.MustAsync("dig",
            ["+noall", "+answer", "@127.0.0.1", "-p", $"{_port}", name, type], ct)).Split('\n',
                StringSplitOptions.RemoveEmptyEntries).Select(l => string.Join(' ', l.Split((char[]?)null,
                    StringSplitOptions.RemoveEmptyEntries))));

    /// <summary>Of the zone: one more with every change, so that one that changed nothing is seen.</summary>
    public async Task<string> SerialAsync(CancellationToken ct) => (await AskAsync(Zone, "SOA", ct))[0].Split(' ')[2];

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        Directory.Delete(_directory, recursive: true);
    }

    private async Task WriteAsync(CancellationToken ct)
    {
        string Key(string name, string algorithm) =>
            $"key \"{name}\" {{ algorithm {algorithm}; secret \"{Secret}\"; }};\n";
        string Served(string zone) => $"zone \"{zone}\" {{ type primary; file \"{_directory}/{zone}.zone\"; "
            + "update-policy { grant lifeboat zonesub ANY; grant strong zonesub ANY; }; };\n";
        await File.WriteAllTextAsync(Path.Combine(_directory, "named.conf"), Key("lifeboat", "hmac-sha256")
            + Key("strong", "hmac-sha512") + Key("reader", "hmac-sha256")
            + $"options {{ directory \"{_directory}\"; listen-on port {_port} {{ 127.0.0.1; }}; "
            + $"listen-on-v6 {{ none; }}; pid-file \"{_directory}/named.pid\"; "
            + $"session-keyfile \"{_directory}/session.key\"; recursion no; dnssec-validation no; }};\n"
            + "controls { };\n" + Served(Zone) + Served(ReverseZone), ct);
        const string head = "$TTL 300\n@ SOA ns.dr.test. admin.dr.test. 1 3600 600 86400 60\n@ NS ns.dr.test.\n";
        await File.WriteAllTextAsync(Path.Combine(_directory, Zone + ".zone"), head + "ns A 127.0.0.1\n"
            + "shop 300 A 192.0.2.1\nshop 300 TXT \"somebody's own\"\nother 300 A 192.0.2.7\nalias CNAME other\n", ct);
        await File.WriteAllTextAsync(Path.Combine(_directory, ReverseZone + ".zone"),
            head + "1 PTR shop.dr.test.\n7 PTR other.dr.test.\n", ct);
    }
}
