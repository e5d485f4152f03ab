// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Nbd;

namespace Lifeboat.Appliance;

/// <summary>
/// Serves the volumes that are in this server, as they come and go, to controllers of the site. A volume has one
/// client: a newer one ends the older one, and begins when nothing of that is under way any more. A client that says
/// nothing for a while is gone.
/// </summary>
internal sealed class ApplianceServer : IAsyncDisposable
{
    /// <summary>Shorter than what a site waits before it uses a volume that a lost appliance may have.</summary>
    public static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);
    // A client of each of as many volumes as a server takes, and its successor.
    private const int ConnectionsMax = 64;
    private const int PayloadMax = 4 << 20;

    private readonly VolumeDevices _devices;
    private readonly Action<string> _say;
    private readonly NbdExports _exports = new();
    private readonly NbdServer _server;
    private readonly Dictionary<string, DeviceExport> _open = new(StringComparer.Ordinal);

    public ApplianceServer(IPEndPoint listen, ApplianceIdentity identity, VolumeDevices devices, Action<string> say)
    {
        _devices = devices;
        _say = say;
        _server = NbdServer.Listen(listen, _exports, new NbdServerOptions
        {
            ConnectionsMax = ConnectionsMax,
            PayloadBytesMax = PayloadMax,
            TlsMode = NbdTlsMode.Required,
            Tls = identity.Tls,
            OneClientPerExport = true,
            SilenceMax = SilenceMax,
            HandshakeTimeout = TimeSpan.FromSeconds(30),
            OnClosed = closed =>
            {
                if (closed.Fault is { } fault) say($"{closed.Export ?? "no volume"}: {fault}: {closed.Message}");
            },
        });
    }

    public EndPoint LocalEndPoint => _server.LocalEndPoint;

    /// <summary>Until ct: takes in what was attached, lets go of what was detached.</summary>
    public async Task RunAsync(TimeProvider time, CancellationToken ct)
    {
        using var timer = new PeriodicTimer(Look, time);
        do await LookAsync(ct);
        while (await timer.WaitForNextTickAsync(ct));
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        foreach (var export in _open.Values) export.Dispose();
    }

    private async Task LookAsync(CancellationToken ct)
    {
        var there = _devices.Find();
        foreach (var (serial, export) in _open.Where(o => !there.ContainsKey(o.Key)).ToList())
        {
            _exports.Remove(serial);
            await _server.CloseConnectionsAsync(serial, ct);
            export.Dispose();
            _open.Remove(serial);
            _say($"{serial} is gone");
        }
        foreach (var (serial, path) in there.Where(t => !_open.ContainsKey(t.Key)))
        {
            try
            {
                var export = DeviceExport.Open(serial, path);
                _open[serial] = export;
                _exports.Add(export);
                _say($"{serial} is {path}, {export.Info.Size} bytes");
            }
            catch (IOException e)
            {
                _say(e.Message); // not ready yet: at the next look
            }
        }
    }
}
