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
    private readonly WritableView? _writable = view as WritableView;
    private readonly ChangedAnswers _changed = new(view, volume, sizeBytes);

    public NbdExportInfo Info { get; } = new()
    {
        Name = name,
        Size = sizeBytes,
        Description = $"sequence {view.Sequence}",
        ReadOnly = view is not WritableView,
        CanMultiConn = true,
        CanTrim = view is WritableView,
        CanZero = view is WritableView,
        CanFastZero = view is WritableView,
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

    public bool Offers(string context) => _changed.Offers(context);

    public NbdError BlockStatus(string context, long offset, long length, NbdExtents extents) =>
        _changed.Add(context, offset, length, extents);

    public NbdError Write(long offset, ReadOnlySpan<byte> data, bool fua)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(data.Length);
        try
        {
            data.CopyTo(bytes);
            var length = data.Length;
            return Run(() => _writable!.WriteAsync(volume, offset, bytes.AsMemory(0, length), CancellationToken.None));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    public NbdError Zero(long offset, long length, NbdZeroFlags flags) =>
        Run(() => _writable!.ZeroAsync(volume, offset, length, CancellationToken.None));

    public NbdError Trim(long offset, long length, bool fua) => Zero(offset, length, NbdZeroFlags.None);

    // What is written to a view is dropped with it and need not survive a crash of this host.
    public NbdError Flush() => NbdError.None;

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
