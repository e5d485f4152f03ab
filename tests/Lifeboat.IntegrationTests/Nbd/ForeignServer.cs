// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net.Sockets;

namespace Lifeboat.IntegrationTests.Nbd;

/// <summary>nbdkit or qemu-nbd on a unix socket in a folder of its own; stopped by its own process id.</summary>
internal sealed class ForeignServer : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lifeboat-nbd-");
    private Process? _process;

    public ForeignServer() => EndPoint = new UnixDomainSocketEndPoint(File("nbd.sock"));

    public UnixDomainSocketEndPoint EndPoint { get; }

    public string File(string name) => Path.Combine(_folder.FullName, name);

    public static async Task<ForeignServer> NbdkitAsync(params string[] arguments)
    {
        var server = new ForeignServer();
        await server.StartAsync("nbdkit", ["-f", "-U", server.EndPoint.ToString(), .. arguments]);
        return server;
    }

    public async Task StartAsync(string program, params string[] arguments)
    {
        _process = Tool.Start(program, arguments);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(20));
        // Its socket is there a moment before it listens.
        while (!await ListensAsync(limit.Token))
        {
            if (_process.HasExited)
                Assert.Fail($"{program} ended: {await _process.StandardError.ReadToEndAsync(limit.Token)}");
            await Task.Delay(20, limit.Token);
        }
    }

    private async Task<bool> ListensAsync(CancellationToken ct)
    {
        if (!System.IO.File.Exists(EndPoint.ToString())) return false;
        var listening = await System.IO.File.ReadAllLinesAsync("/proc/net/unix", ct);
        return listening.Any(l => l.EndsWith($" {EndPoint}", StringComparison.Ordinal)
            && l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3] == "00010000");
    }

    public void Kill() => _process!.Kill();

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
            _process.Kill();
        if (_process is not null)
            await _process.WaitForExitAsync();
        _process?.Dispose();
        _folder.Delete(recursive: true);
    }
}
