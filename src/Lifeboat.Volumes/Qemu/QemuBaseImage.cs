// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Nbd;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Volumes.Qemu;

// Invariants
//   A daemon that ended is started anew with the next call. What it had been given and did not flush may be lost, so
//   the flush that follows fails, once: whoever wrote does it again.
//   A request that is given up ends its daemon first, so that nothing of it can come later by that way.
internal sealed class QemuBaseImage : IBaseImage, IGrowingImage
{
    private const long SlowestBytesPerSecond = 4 << 20;

    private readonly Func<CancellationToken, Task<(StorageDaemon Daemon, NbdClient Client)>> _start;
    private readonly SemaphoreSlim _starting = new(1, 1);
    private (StorageDaemon Daemon, NbdClient Client) _served;
    private readonly BaseImageSpec _spec;
    private readonly IQemuImages _images;
    private readonly TimeProvider _time;
    private volatile bool _lost, _ended;
    // Changes that the daemon has said yes to; and how many of them a flush has covered, which may run beside others.
    private long _changed, _flushed;
    private long _size;

    private QemuBaseImage(BaseImageSpec spec, IQemuImages images, (StorageDaemon Daemon, NbdClient Client) served,
        Func<CancellationToken, Task<(StorageDaemon Daemon, NbdClient Client)>> start, TimeProvider time)
    {
        (_spec, _images, _served, _start, _time) = (spec, images, served, start, time);
        _size = spec.SizeBytes;
    }

    public long SizeBytes => Volatile.Read(ref _size);

    internal int DaemonProcess => _served.Daemon.ProcessId;

    public static async Task<QemuBaseImage> OpenAsync(BaseImageSpec spec, IQemuImages images,
        Func<CancellationToken, Task<(StorageDaemon Daemon, NbdClient Client)>> start, TimeProvider time,
        CancellationToken ct)
    {
        var image = new QemuBaseImage(spec, images, await start(ct), start, time);
        if (image._served.Client.Info.Size is var size && size >= spec.SizeBytes) return image;
        await image.DisposeAsync();
        throw new ReplicaStoreException(ReplicaStoreFault.TargetTooSmall,
            $"{images.NameOf(spec)} has {size} bytes, volume {spec.Volume} needs {spec.SizeBytes}");
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        Check(offset, buffer.Length);
        var client = await ClientAsync(ct);
        try
        {
            await RunAsync(client, buffer.Length, () => client.ReadAsync(offset, buffer, ct), StorageFault.Unreadable);
        }
        catch (StorageException) when (client.Ended.IsCompleted)
        {
            // Who only reads has lost nothing with a daemon that ended.
            var next = await ClientAsync(ct);
            await RunAsync(next, buffer.Length, () => next.ReadAsync(offset, buffer, ct), StorageFault.Unreadable);
        }
    }

    public async ValueTask GrowAsync(long sizeBytes, CancellationToken ct)
    {
        await FlushAsync(ct);
        await _starting.WaitAsync(ct);
        try
        {
            if (_served.Client.Info.Size < sizeBytes)
            {
                await EndAsync();
                await TranslateAsync(async () =>
                {
                    await _images.GrowAsync(_spec, sizeBytes, ct);
                    return true;
                });
                await StartAsync(ct);
            }
            Volatile.Write(ref _size, Math.Max(SizeBytes, sizeBytes));
        }
        finally
        {
            _starting.Release();
        }
    }

    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        Check(offset, data.Length);
        var client = await ClientAsync(ct);
        await RunAsync(client, data.Length, () => client.WriteAsync(offset, data, fua: false, ct), StorageFault.Io);
        NoteChanged(client);
    }

    public async ValueTask ZeroAsync(long offset, long length, CancellationToken ct)
    {
        Check(offset, length);
        if (length == 0) return;
        var client = await ClientAsync(ct);
        await RunAsync(client, length,
            () => client.ZeroAsync(offset, length, NbdZeroFlags.None, ct), StorageFault.Io);
        NoteChanged(client);
    }

    public async ValueTask FlushAsync(CancellationToken ct)
    {
        var client = await ClientAsync(ct);
        var covered = Interlocked.Read(ref _changed);
        if (_lost)
        {
            _lost = false;
            throw new StorageException(StorageFault.Io, "qemu-storage-daemon ended before what it had was flushed");
        }
        await RunAsync(client, 0, () => client.FlushAsync(ct), StorageFault.Io);
        Interlocked.Exchange(ref _flushed, covered);
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _starting.Dispose();
    }

    private bool IsServed => !_ended && !_served.Client.Ended.IsCompleted;

    // A daemon that has ended is looked at once: what is counted later than that says by itself that it may be lost.
    private void NoteChanged(NbdClient client)
    {
        Interlocked.Increment(ref _changed);
        if (client.Ended.IsCompleted) _lost = true;
    }

    // Once: what follows it may fail, and is tried again later.
    private async Task EndAsync()
    {
        if (_ended) return;
        _ended = true;
        await _served.Client.DisposeAsync();
        await _served.Daemon.DisposeAsync();
    }

    private async Task StartAsync(CancellationToken ct)
    {
        _served = await TranslateAsync(() => _start(ct));
        _ended = false;
    }

    // Of an image that is open: its failures are those of storage, and no target is too small.
    private static async Task<T> TranslateAsync<T>(Func<Task<T>> run)
    {
        try
        {
            return await run();
        }
        catch (ReplicaStoreException e)
        {
            throw new StorageException(
                e.Fault == ReplicaStoreFault.Full ? StorageFault.Full : StorageFault.Io, e.Message, e);
        }
    }

    private async ValueTask<NbdClient> ClientAsync(CancellationToken ct)
    {
        if (IsServed) return _served.Client;
        await _starting.WaitAsync(ct);
        try
        {
            if (IsServed) return _served.Client;
            var changed = Interlocked.Read(ref _changed);
            if (changed != Interlocked.Exchange(ref _flushed, changed)) _lost = true;
            await EndAsync();
            await StartAsync(ct);
            return _served.Client;
        }
        finally
        {
            _starting.Release();
        }
    }

    private async ValueTask RunAsync(NbdClient client, long bytes, Func<Task> call, StorageFault medium)
    {
        try
        {
            var done = call();
            if (_images.AnswerLimit is { } limit && !done.IsCompleted)
                await GiveUpAfterAsync(limit + TimeSpan.FromSeconds(bytes / SlowestBytesPerSecond), client, done);
            await done;
        }
        catch (NbdException e)
        {
            throw new StorageException(e.Error switch
            {
                NbdError.NoSpace => StorageFault.Full,
                NbdError.Io => medium,
                _ => StorageFault.Io,
            }, $"the image's store: {e.Message}", e);
        }
    }

    private async Task GiveUpAfterAsync(TimeSpan limit, NbdClient client, Task done)
    {
        using var over = new CancellationTokenSource();
        if (await Task.WhenAny(done, Task.Delay(limit, _time, over.Token)) != done && _served is var served
            && served.Client == client)
            served.Daemon.Kill();
        await over.CancelAsync();
    }

    private void Check(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, SizeBytes - length, nameof(length));
    }
}
