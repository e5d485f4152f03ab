// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.LibvirtGate;

/// <summary>
/// One client of libvirt's. Everything passes as it came; a guarded call waits until the agent has let go of the
/// domain's disks or stands back, and the agent takes them back when it is answered. Other calls go on past one that
/// waits: libvirt answers them in any order anyway.
/// </summary>
internal sealed partial class GateConnection(
    Socket client, Socket libvirt, AgentClient agent, HeldDomains held, GateOptions options, TimeProvider time,
    ILogger logger)
{
    private readonly ConcurrentDictionary<uint, IReadOnlyList<string>> _released = new();
    private readonly ConcurrentDictionary<Task, bool> _waiting = new();
    private readonly SemaphoreSlim _sending = new(1, 1);

    /// <summary>Until one of the two hangs up.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var down = PassAsync(libvirt, SeeAnswerAsync, over.Token);
        var up = PassAsync(client, SeeCallAsync, over.Token);
        await Task.WhenAny(down, up);
        await over.CancelAsync();
        client.Dispose();
        libvirt.Dispose();
        await Task.WhenAll(down, up).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // Only now: an answer that was being passed on a moment ago has its disks taken back too.
        await Task.WhenAll(_waiting.Keys).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // Whoever asked is gone, or libvirt is: what was let go of is taken back either way.
        foreach (var domain in _released.Values) await CaptureAsync(domain);
        foreach (var ended in (Task[])[down, up])
            if (ended.Exception?.InnerException is { } e and not (OperationCanceledException or SocketException
                or ObjectDisposedException)) throw e;
    }

    private static async Task PassAsync(Socket from, Func<RpcFrame, CancellationToken, Task> see, CancellationToken ct)
    {
        var head = new byte[RpcFrame.LengthBytes];
        while (await ReadAsync(from, head, ct))
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(head);
            if (length is < RpcFrame.HeadBytes or > RpcFrame.BytesMax)
                throw new InvalidDataException($"a packet of {length} bytes is none of libvirt's");
            var bytes = new byte[length];
            head.CopyTo(bytes, 0);
            if (!await ReadAsync(from, bytes.AsMemory(RpcFrame.LengthBytes), ct)) return;
            var frame = new RpcFrame(bytes);
            if (frame.HasFiles)
                throw new InvalidDataException($"procedure {frame.Procedure} passes file descriptors, which do not go "
                    + "through the gate; ask libvirt itself");
            await see(frame, ct);
        }
    }

    private async Task SeeCallAsync(RpcFrame frame, CancellationToken ct)
    {
        if (frame.IsCall && GuardedCalls.Of(frame.Procedure) is { } call && frame.Domain() is [_, _] domain)
        {
            // Noted before the agent is asked: whatever becomes of the asking, the disks are taken back.
            held.Enter(domain[^1]);
            _released[frame.Serial] = domain;
            Begin(HoldAsync(frame, call, domain, ct));
            return;
        }
        await SendAsync(frame, ct);
    }

    private async Task SeeAnswerAsync(RpcFrame frame, CancellationToken ct)
    {
        await WriteAsync(client, frame.Bytes, ct);
        // What libvirt says next does not wait for the agent.
        if (frame.IsReply && _released.TryRemove(frame.Serial, out var domain)) Begin(CaptureAsync(domain));
    }

    private void Begin(Task task)
    {
        _waiting.TryAdd(task, true);
        _ = task.ContinueWith(t => _waiting.TryRemove(t, out _), TaskScheduler.Default);
    }

    private async Task HoldAsync(
        RpcFrame frame, GuardedCall call, IReadOnlyList<string> domain, CancellationToken ct)
    {
        await MakeWayAsync(call, domain, ct);
        await SendAsync(frame, ct);
    }

    // An agent that cannot be asked keeps nobody from asking libvirt: QEMU then refuses, or not.
    private async Task MakeWayAsync(GuardedCall call, IReadOnlyList<string> domain, CancellationToken ct)
    {
        using var late = new CancellationTokenSource(options.ReleaseLimit, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        try
        {
            var started = time.GetTimestamp();
            var request = new DomainRelease(
                domain, new ReleaseVolumeRequest(options.AnswerLimit, $"libvirt's {call.Name}"));
            if (call.Kind == GuardKind.StandBack)
            {
                await agent.StandBackAsync(request, any.Token);
                return;
            }
            var of = await agent.ReleaseDomainAsync(request, any.Token);
            if (of.Volumes.Count > 0)
                LogReleased(call.Name, domain[0], of.Volumes.Count, time.GetElapsedTime(started).TotalMilliseconds);
        }
        catch (Exception e) when (e is ProblemException || late.IsCancellationRequested)
        {
            LogNotReleased(call.Name, domain[0], e.Message);
        }
    }

    private async Task CaptureAsync(IReadOnlyList<string> domain)
    {
        if (!held.Leave(domain[^1])) return;
        using var late = new CancellationTokenSource(options.ReleaseLimit, time);
        try
        {
            await agent.CaptureDomainAsync(new DomainNames(domain), late.Token);
        }
        catch (Exception e) when (e is ProblemException or OperationCanceledException)
        {
            // The release ends by itself when its time is up.
            LogNotCaptured(domain[0], e.Message);
        }
    }

    private async Task SendAsync(RpcFrame frame, CancellationToken ct)
    {
        await _sending.WaitAsync(ct);
        try
        {
            await WriteAsync(libvirt, frame.Bytes, ct);
        }
        finally
        {
            _sending.Release();
        }
    }

    private static async Task WriteAsync(Socket to, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        while (bytes.Length > 0) bytes = bytes[await to.SendAsync(bytes, SocketFlags.None, ct)..];
    }

    /// <returns>False: the other side has hung up.</returns>
    private static async Task<bool> ReadAsync(Socket from, Memory<byte> into, CancellationToken ct)
    {
        while (into.Length > 0)
        {
            var read = await from.ReceiveAsync(into, SocketFlags.None, ct);
            if (read == 0) return false;
            into = into[read..];
        }
        return true;
    }

    [LoggerMessage(EventIds.GateReleased, LogLevel.Information,
        "Let go of {Volumes} volume(s) of {Domain} for {Call} in {Milliseconds:0} ms")]
    private partial void LogReleased(string call, string domain, int volumes, double milliseconds);

    [LoggerMessage(EventIds.GateNotReleased, LogLevel.Warning,
        "{Call} of {Domain} goes to libvirt although the agent has not made way: {Why}")]
    private partial void LogNotReleased(string call, string domain, string why);

    [LoggerMessage(EventIds.GateNotCaptured, LogLevel.Warning,
        "The disks of {Domain} are taken back later than asked for: {Why}")]
    private partial void LogNotCaptured(string domain, string why);
}
