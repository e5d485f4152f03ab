// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using Lifeboat.Journaling.Storage;
using Lifeboat.Nbd;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Agent.Replicas;

// One volume of a point-in-time view over NBD. Runs on the connection's own thread, which may block; over real files
// the engine answers at once anyway.
internal sealed class ViewExport(PointInTimeView view, ushort volume, string name, long sizeBytes) : INbdExport
{
    public NbdExportInfo Info { get; } = new()
    {
        Name = name,
        Size = sizeBytes,
        Description = $"sequence {view.Sequence}",
        ReadOnly = true,
        CanMultiConn = true,
    };

    public NbdError Read(long offset, Span<byte> buffer)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(buffer.Length);
        try
        {
            var length = buffer.Length;
            var error = Run(() => view.ReadAsync(volume, offset, bytes.AsMemory(0, length), CancellationToken.None));
            if (error == NbdError.None) bytes.AsSpan(0, length).CopyTo(buffer);
            return error;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private static NbdError Run(Func<ValueTask> action)
    {
        try
        {
            var task = action();
            if (task.IsCompletedSuccessfully) return NbdError.None;
            var running = task.AsTask();
            ((IAsyncResult)running).AsyncWaitHandle.WaitOne();
            return running.Exception?.InnerException is { } e ? ErrorOf(e) : NbdError.None;
        }
        catch (Exception e) when (e is StorageException or ReplicaException)
        {
            return ErrorOf(e);
        }
    }

    private static NbdError ErrorOf(Exception e) =>
        e is StorageException { Fault: StorageFault.Full } ? NbdError.NoSpace : NbdError.Io;
}
