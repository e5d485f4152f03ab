// SPDX-License-Identifier: Apache-2.0
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Lifeboat.Journaling.Storage;
using Lifeboat.Nbd;

namespace Lifeboat.Volumes.Qemu;

/// <summary>
/// A qemu-storage-daemon of ours that serves one image over NBD on a unix socket. It outlives an agent that is killed;
/// the next one ends it in an orderly way first, since it has the image locked.
/// </summary>
internal sealed class StorageDaemon : IAsyncDisposable
{
    public const string Export = "base";

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(30);
    private readonly Process _process;
    private readonly Task<string> _said;
    private readonly TimeProvider _time;

    private StorageDaemon(Process process, TimeProvider time)
    {
        (_process, _time) = (process, time);
        _said = process.StandardError.ReadToEndAsync();
    }

    public int ProcessId => _process.Id;

    /// <param name="blockdev">The node named `base`, as `--blockdev` takes it.</param>
    /// <param name="place">Path of the socket without its extension; a pid file stands beside.</param>
    /// <param name="writable">Else its image is only read.</param>
    /// <param name="contexts">Of what the export is asked for block status.</param>
    /// <exception cref="StorageException">It cannot be started, or says why it does not serve the image.</exception>
    public static async Task<(StorageDaemon Daemon, NbdClient Client)> StartAsync(
        string blockdev, string place, bool writable, TimeProvider time, CancellationToken ct,
        IReadOnlyList<string>? contexts = null)
    {
        await EndPredecessorAsync(place, time);
        File.Delete(place + ".sock");
        var start = new ProcessStartInfo("qemu-storage-daemon",
        [
            "--blockdev", blockdev, "--nbd-server", $"addr.type=unix,addr.path={place}.sock,max-connections=4",
            "--export", $"type=nbd,id={Export},node-name={Export},name={Export},writable={(writable ? "on" : "off")}",
            "--pidfile", place + ".pid",
        ])
        {
            RedirectStandardError = true, UseShellExecute = false,
        };
        var daemon = new StorageDaemon(Run(start), time);
        try
        {
            return (daemon, await daemon.ConnectAsync(place + ".sock", contexts ?? [], ct));
        }
        catch
        {
            await daemon.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        // TERM: it flushes and closes the image. One that cannot, because its image does not answer, is not waited for.
        if (!_process.HasExited) Terminate(_process.Id);
        await WaitOrKillAsync(_process, _time);
        _process.Dispose();
    }

    /// <summary>At once: its connections end, and what it had not flushed may be lost.</summary>
    public void Kill()
    {
        try
        {
            _process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has been ended meanwhile.
        }
    }

    private async Task<NbdClient> ConnectAsync(
        string socket, IReadOnlyList<string> contexts, CancellationToken ct)
    {
        var started = _time.GetTimestamp();
        while (true)
        {
            try
            {
                return await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(socket),
                    new NbdClientOptions { Export = Export, MetaContexts = contexts, Time = _time }, ct);
            }
            catch (NbdException e)
            {
                if (_process.HasExited)
                    throw new StorageException(
                        StorageFault.Io, $"qemu-storage-daemon ended: {(await _said).Trim()}", e);
                if (_time.GetElapsedTime(started) > StartLimit)
                    throw new StorageException(StorageFault.Io, $"qemu-storage-daemon does not serve: {e.Message}", e);
            }
            await Task.Delay(TimeSpan.FromMilliseconds(20), _time, ct);
        }
    }

    private static Process Run(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new StorageException(StorageFault.Io, $"qemu-storage-daemon cannot be started: {e.Message}", e);
        }
    }

    /// <summary>Ends, in an orderly way, the one that a killed agent left at this place.</summary>
    public static async Task EndPredecessorAsync(string place, TimeProvider time)
    {
        var file = place + ".pid";
        if (!File.Exists(file) || !int.TryParse(
            (await File.ReadAllTextAsync(file)).Trim(), CultureInfo.InvariantCulture, out var pid)) return;
        // A number alone says nothing: another process may have it by now.
        var commandLine = $"/proc/{pid}/cmdline";
        if (!File.Exists(commandLine)
            || !(await File.ReadAllTextAsync(commandLine)).Contains(file, StringComparison.Ordinal)) return;
        try
        {
            using var left = Process.GetProcessById(pid);
            Terminate(pid);
            await WaitOrKillAsync(left, time);
        }
        catch (ArgumentException)
        {
            // It is gone.
        }
    }

    private static async Task WaitOrKillAsync(Process process, TimeProvider time)
    {
        using var over = new CancellationTokenSource();
        var ended = process.WaitForExitAsync();
        if (await Task.WhenAny(ended, Task.Delay(EndLimit, time, over.Token)) != ended) process.Kill();
        await over.CancelAsync();
        await ended;
    }

    private static void Terminate(int pid) => _ = Files.Posix.Kill(pid, Files.Posix.Terminate);
}
