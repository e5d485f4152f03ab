// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// Storage as one process uses it: every operation takes time, at either side of which the process may be killed, and
/// it can be full for a while. What it holds belongs to the host and outlives the process.
/// </summary>
public sealed class ProcessStorage(IStorage host, SimulatedProcess process, Prng prng, StorageWeather weather)
    : IStorage
{
    public async ValueTask<IStorageFile> OpenAsync(string name, bool create, CancellationToken ct)
    {
        await StepAsync(ct);
        return new ProcessFile(this, await host.OpenAsync(name, create, ct));
    }

    public async ValueTask<bool> ExistsAsync(string name, CancellationToken ct)
    {
        await StepAsync(ct);
        return await host.ExistsAsync(name, ct);
    }

    public async ValueTask DeleteAsync(string name, CancellationToken ct)
    {
        await StepAsync(ct);
        await host.DeleteAsync(name, ct);
        await StepAsync(ct);
    }

    public async ValueTask RenameAsync(string from, string to, CancellationToken ct)
    {
        await StepAsync(ct);
        await host.RenameAsync(from, to, ct);
        await StepAsync(ct);
    }

    public async ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken ct)
    {
        await StepAsync(ct);
        return await host.ListAsync(ct);
    }

    public async ValueTask SyncAsync(CancellationToken ct)
    {
        await StepAsync(ct);
        await host.SyncAsync(ct);
        await StepAsync(ct);
    }

    public async ValueTask<long> FreeBytesAsync(CancellationToken ct)
    {
        await StepAsync(ct);
        return weather.Full ? 0 : await host.FreeBytesAsync(ct);
    }

    private async ValueTask StepAsync(CancellationToken ct)
    {
        process.Scheduler.AssertInside();
        ct.ThrowIfCancellationRequested();
        // Most operations hit the page cache at once; some take long enough for others to come in between.
        if (prng.Chance(0.7)) return;
        await process.Clock.DelayAsync(TimeSpan.FromMicroseconds(prng.Next(weather.SlowMicroseconds)));
    }

    private void AssertSpace()
    {
        if (weather.Full) throw new StorageException(StorageFault.Full, "no space left on device");
    }

    private sealed class ProcessFile(ProcessStorage storage, IStorageFile file) : IStorageFile
    {
        public ValueTask<long> LengthAsync(CancellationToken ct) => file.LengthAsync(ct);

        public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct)
        {
            await storage.StepAsync(ct);
            return await file.ReadAsync(offset, buffer, ct);
        }

        public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct)
        {
            await storage.StepAsync(ct);
            storage.AssertSpace();
            await file.WriteAsync(offset, data, ct);
        }

        public async ValueTask ZeroAsync(long offset, long length, CancellationToken ct)
        {
            await storage.StepAsync(ct);
            await file.ZeroAsync(offset, length, ct);
        }

        public async ValueTask SetLengthAsync(long length, CancellationToken ct)
        {
            await storage.StepAsync(ct);
            await file.SetLengthAsync(length, ct);
        }

        public async ValueTask FlushAsync(CancellationToken ct)
        {
            await storage.StepAsync(ct);
            await file.FlushAsync(ct);
            await storage.StepAsync(ct);
        }

        public ValueTask DisposeAsync() => file.DisposeAsync();
    }
}

/// <summary>What a host's storage does to everybody on it.</summary>
public sealed class StorageWeather
{
    public bool Full { get; set; }
    public int SlowMicroseconds { get; set; } = 500;
}
