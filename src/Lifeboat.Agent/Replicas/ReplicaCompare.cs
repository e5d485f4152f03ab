// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Agent.Replicas;

/// <summary>
/// One comparison of disks with a replica at a sequence. Whoever asks for the same again gets the same one, under way
/// or done; another question, or one asked a while after the end, begins anew.
/// </summary>
internal sealed class ReplicaCompare(Replica replica, CompareRequest request, TimeProvider time)
{
    public const string View = "compare";
    private const int Block = 4096;
    private const int Window = 1 << 20;
    private static readonly TimeSpan GoodFor = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly long[] _bytes = new long[request.Files.Count];
    private readonly long[] _extents = new long[request.Files.Count];
    private long _done, _total = 1, _endedAt;
    private volatile string? _problem;
    private Task _running = Task.CompletedTask;

    public bool Answers(CompareRequest other) => other.Sequence == request.Sequence
        && other.Files.SequenceEqual(request.Files)
        && (!_running.IsCompleted || time.GetElapsedTime(Volatile.Read(ref _endedAt)) < GoodFor);

    public void Start(CancellationToken ct) => _running = RunAsync(ct);

    /// <summary>Waits a moment, for most comparisons are short; then says how far it is.</summary>
    public async Task<ChangeReport> ReportAsync(CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        await Task.WhenAny(_running, Task.Delay(Patience, time, stop.Token));
        await stop.CancelAsync();
        ct.ThrowIfCancellationRequested();
        return new ChangeReport(_running.IsCompleted, Math.Min(1, (double)Volatile.Read(ref _done) / _total),
            [.. request.Files.Select((f, i) => new VolumeChanges(f.Name, _problem is null,
                Volatile.Read(ref _bytes[i]), Volatile.Read(ref _extents[i]), _problem))], _problem);
    }

    public Task EndAsync() => _running;

    private async Task RunAsync(CancellationToken ct)
    {
        await Task.Yield();
        try
        {
            var view = await replica.OpenViewAsync(View, request.Sequence, writable: false, ct);
            try
            {
                _total = Math.Max(1, request.Files.Sum(f => LengthOf(view, f)));
                for (var i = 0; i < request.Files.Count; i++) await CompareAsync(view, i, ct);
            }
            finally
            {
                await replica.CloseViewAsync(View, CancellationToken.None);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            _problem = "the agent stopped";
        }
        catch (Exception e) when (e is ReplicaException or StorageException or IOException
            or UnauthorizedAccessException)
        {
            _problem = e.Message;
        }
        Volatile.Write(ref _endedAt, time.GetTimestamp());
    }

    private async Task CompareAsync(PointInTimeView view, int index, CancellationToken ct)
    {
        var (volume, file) = (request.Files[index].Index, request.Files[index].File);
        using var handle = File.OpenHandle(file, FileMode.Open, FileAccess.Read,
            FileShare.ReadWrite | FileShare.Delete, FileOptions.Asynchronous);
        var (size, known) = (LengthOf(view, request.Files[index]), view.Sizes.GetValueOrDefault(volume));
        var (then, now) = (new byte[Window], new byte[Window]);
        var before = false;
        for (long at = 0; at < size; at += Window)
        {
            var length = (int)Math.Min(Window, size - at);
            var held = (int)Math.Clamp(known - at, 0, length);
            then.AsSpan(held, length - held).Clear();
            if (held > 0) await view.ReadAsync(volume, at, then.AsMemory(0, held), ct);
            now.AsSpan(0, length).Clear();
            await RandomAccess.ReadAsync(handle, now.AsMemory(0, length), at, ct);
            Count(then.AsSpan(0, length), now.AsSpan(0, length), index, ref before);
            Interlocked.Add(ref _done, length);
        }
    }

    private void Count(ReadOnlySpan<byte> then, ReadOnlySpan<byte> now, int index, ref bool before)
    {
        for (var at = 0; at < then.Length; at += Block)
        {
            var length = Math.Min(Block, then.Length - at);
            var differs = !then.Slice(at, length).SequenceEqual(now.Slice(at, length));
            if (differs) Interlocked.Add(ref _bytes[index], length);
            if (differs && !before) Interlocked.Increment(ref _extents[index]);
            before = differs;
        }
    }

    // The disk may have grown since, and what it has more differs where it is not zero.
    private static long LengthOf(PointInTimeView view, ComparedFile file) =>
        Math.Max(view.Sizes.GetValueOrDefault(file.Index), new FileInfo(file.File).Length);
}
