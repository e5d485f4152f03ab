// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net.Sockets;
using Lifeboat.Nbd;
using Lifeboat.Sites.Qemu.Host;

namespace Lifeboat.Sites.OpenStack.Filling;

// qemu-nbd opens the image and exports it at a socket; one connection, and when that ends it ends too. It is run by
// `flock`, so it holds the volume's lock as long as it lives, as a copy of VolumeFiller does.
//
//   lock held by one that nobody is connected to any more, or yet: connecting and leaving ends it
//   lock free -> qemu-nbd -> connected -> written -> flushed -> left -> it ends, and the lock is free
//
// A controller that is killed leaves a connection that ends with it; qemu-nbd ends what it was asked and then itself.
/// <summary>A volume that this host reaches: an image of Ceph, or a file of a share that is mounted here.</summary>
internal sealed class HostVolume : IReadableVolume
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan OpenLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(30);

    private readonly string _volume;
    private readonly Process _server;
    private readonly NbdClient _client;
    private readonly TimeProvider _time;

    private HostVolume(string volume, Process server, NbdClient client, TimeProvider time) =>
        (_volume, _server, _client, _time) = (volume, server, client, time);

    public long SizeBytes => _client.Info.Size;

    /// <param name="locks">Folder of <see cref="VolumeFiller"/>'s locks.</param>
    /// <exception cref="SiteException">The place cannot be reached, the volume is not there or too short, or something
    /// else writes to it and does not end.</exception>
    public static async Task<HostVolume> OpenAsync(string locks, string volume, VolumePlace place, long sizeBytes,
        TimeProvider time, CancellationToken ct)
    {
        Directory.CreateDirectory(locks);
        var target = VolumeFiller.Options(volume, place);
        await VolumeFiller.CheckAsync(volume, target, sizeBytes, ct);
        var socket = SocketOf(locks, volume);
        await EndOthersAsync(locks, volume, time, ct);
        var server = Start(VolumeFiller.LockOf(locks, volume), socket, target);
        try
        {
            var client = await ConnectAsync(volume, server, socket, time, ct);
            return new HostVolume(volume, server, client, time);
        }
        catch
        {
            server.Kill(entireProcessTree: true);
            server.Dispose();
            throw;
        }
    }

    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct) =>
        AskAsync(_client.ReadAsync(offset, buffer, ct));

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct) =>
        AskAsync(_client.WriteAsync(offset, data, fua: false, ct));

    public ValueTask ZeroAsync(long offset, long length, CancellationToken ct) =>
        AskAsync(_client.ZeroAsync(offset, length, NbdZeroFlags.None, ct));

    public ValueTask FlushAsync(CancellationToken ct) => AskAsync(_client.FlushAsync(ct));

    /// <summary>When it returns nothing of it writes to the volume any more.</summary>
    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        using var limit = new CancellationTokenSource(EndLimit, _time);
        try
        {
            await _server.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            _server.Kill(entireProcessTree: true);
            await _server.WaitForExitAsync(CancellationToken.None);
        }
        _server.Dispose();
    }

    private async ValueTask AskAsync(Task asked)
    {
        try
        {
            await asked;
        }
        catch (NbdException e)
        {
            var full = e.Error is NbdError.NoSpace;
            throw new SiteException(full ? SiteFault.NoSpace : SiteFault.CloudUnavailable,
                $"volume {_volume} cannot be written where it lies: {e.Message}", e);
        }
    }

    /// <summary>Ends what a controller that was killed left open of a volume.</summary>
    /// <exception cref="SiteException">Timeout.</exception>
    public static async Task EndOthersAsync(string locks, string volume, TimeProvider time, CancellationToken ct)
    {
        var socket = SocketOf(locks, volume);
        var start = time.GetTimestamp();
        while (VolumeFiller.IsLocked(locks, volume))
        {
            if (time.GetElapsedTime(start) >= OpenLimit)
                throw new SiteException(SiteFault.Timeout, $"volume {volume} is still being written to by an earlier "
                    + $"attempt after {OpenLimit.TotalSeconds:0} s; it holds {VolumeFiller.LockOf(locks, volume)}");
            await LeaveAsync(socket, ct);
            await Task.Delay(Look, time, ct);
        }
        File.Delete(socket);
    }

    private static string SocketOf(string locks, string volume) => Path.Combine(locks, $"{volume}.sock");

    // One that a controller started and did not live to connect to would wait for ever.
    private static async Task LeaveAsync(string socket, CancellationToken ct)
    {
        if (!File.Exists(socket)) return;
        using var visitor = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await visitor.ConnectAsync(new UnixDomainSocketEndPoint(socket), ct);
        }
        catch (SocketException)
        {
            // It has ended, or does not listen any more because it has its one connection.
        }
    }

    private static Process Start(string lockFile, string socket, string target) => Process.Start(
        new ProcessStartInfo(Tool.Find("flock") ?? throw Tool.Missing("flock"),
        [
            "--no-fork", lockFile, Tool.Find("qemu-nbd") ?? throw Tool.Missing("qemu-nbd"), "--socket", socket,
            "--export-name", "volume", "--shared", "1", "--cache", "writeback", "--discard", "unmap", "--image-opts",
            target,
        ])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        })!;

    private static async Task<NbdClient> ConnectAsync(string volume, Process server, string socket, TimeProvider time,
        CancellationToken ct)
    {
        var start = time.GetTimestamp();
        var said = server.StandardError.ReadToEndAsync(ct);
        while (true)
        {
            if (server.HasExited)
                throw new SiteException(SiteFault.CloudUnavailable,
                    $"volume {volume} cannot be opened where it lies: {(await said).Trim()}");
            if (time.GetElapsedTime(start) >= OpenLimit)
                throw new SiteException(SiteFault.CloudUnavailable, $"volume {volume} was not opened where it lies "
                    + $"within {OpenLimit.TotalSeconds:0} s");
            try
            {
                return await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(socket),
                    new NbdClientOptions { Export = "volume", Time = time }, ct);
            }
            catch (NbdException e) when (e.Fault is NbdFault.ConnectFailed)
            {
                await Task.Delay(Look, time, ct);
            }
            catch (NbdException e)
            {
                throw new SiteException(SiteFault.CloudUnavailable,
                    $"volume {volume} cannot be opened where it lies: {e.Message}", e);
            }
        }
    }
}
