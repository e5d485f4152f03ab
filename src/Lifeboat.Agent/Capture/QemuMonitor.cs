// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

// The monitor of one QEMU process. It serves one client at a time, so this agent talks one conversation after another,
// each short, and a controller or an operator gets in between. Failures leave here as TapException.
internal sealed class QemuMonitor(string socketPath, string pullSocket, QmpOptions options, TimeProvider time)
    : IDisposable
{
    private static readonly TimeSpan ReturnLook = TimeSpan.FromMilliseconds(20);
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Lock _gate = new();
    private Task<BlockLook>? _coming;   // it has not begun to ask
    private BlockLook? _last;
    private long _lastBegan;
    private (long Since, TimeSpan For, string Why, bool Rearranging)? _stoodBack;

    public string SocketPath => socketPath;

    /// <summary>NBD server of this QEMU, shared by the taps of its disks.</summary>
    public PullServer Pull { get; } = new(pullSocket);

    /// <summary>
    /// No conversation is under way when this returns, and none begins until <see cref="Return"/>: somebody else is
    /// about to change what QEMU's disks consist of. Where another one has stood back already, the stricter holds.
    /// </summary>
    /// <param name="limit">After this long it ends by itself.</param>
    /// <param name="rearranging">Only those that would change that too; others go on.</param>
    public async Task StandBackAsync(TimeSpan limit, string why, bool rearranging, CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            lock (_gate)
                if (!rearranging || !IsStoodBack(rearranges: false, out _))
                    _stoodBack = (time.GetTimestamp(), limit, why, rearranging);
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Return()
    {
        lock (_gate) _stoodBack = null;
    }

    /// <summary>A conversation that leaves QEMU's disks as they are.</summary>
    /// <exception cref="TapException">Also Refused: <see cref="StandBackAsync"/>.</exception>
    public Task<T> TalkAsync<T>(Func<QmpClient, Task<T>> conversation, CancellationToken ct) =>
        TalkAsync(conversation, rearranges: false, waits: false, ct);

    /// <summary>One that changes what a disk consists of.</summary>
    /// <param name="waits">Until nobody has to stand back any more; else it is refused.</param>
    /// <exception cref="TapException">As of <see cref="TalkAsync{T}"/>.</exception>
    public Task<T> RearrangeAsync<T>(Func<QmpClient, Task<T>> conversation, bool waits, CancellationToken ct) =>
        TalkAsync(conversation, rearranges: true, waits, ct);

    public Task RearrangeAsync(Func<QmpClient, Task> conversation, bool waits, CancellationToken ct) =>
        RearrangeAsync(Answered(conversation), waits, ct);

    private async Task<T> TalkAsync<T>(
        Func<QmpClient, Task<T>> conversation, bool rearranges, bool waits, CancellationToken ct)
    {
        await TakeTurnAsync(rearranges, waits, ct);
        try
        {
            await using var qmp = await QmpClient.ConnectAsync(socketPath, options, time, ct);
            return await conversation(qmp);
        }
        catch (QmpException e)
        {
            throw new TapException(FaultOf(e.Fault), e.Message, e);
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            throw Unreadable(e);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task TakeTurnAsync(bool rearranges, bool waits, CancellationToken ct)
    {
        while (true)
        {
            await _turn.WaitAsync(ct);
            if (!IsStoodBack(rearranges, out var why)) return;
            _turn.Release();
            if (!waits) throw new TapException(TapFault.Refused, $"{socketPath} is left alone for {why}");
            await Task.Delay(ReturnLook, time, ct);
        }
    }

    private bool IsStoodBack(bool rearranges, out string why)
    {
        lock (_gate)
        {
            why = _stoodBack?.Why ?? "";
            return _stoodBack is { } back && (rearranges || !back.Rearranging)
                && time.GetElapsedTime(back.Since) < back.For;
        }
    }

    public Task TalkAsync(Func<QmpClient, Task> conversation, CancellationToken ct) =>
        TalkAsync(Answered(conversation), ct);

    private static Func<QmpClient, Task<bool>> Answered(Func<QmpClient, Task> conversation) => async qmp =>
    {
        await conversation(qmp);
        return true;
    };

    /// <summary>
    /// What QEMU says of its disks, in a conversation that those who ask meanwhile share: a checkpoint looks at each
    /// disk of an instance, and there may be hundreds.
    /// </summary>
    /// <param name="ageMax">How long ago it may have been asked; zero: not before this call.</param>
    /// <exception cref="TapException">It cannot be asked, or what is looked for is not in the answers.</exception>
    public async Task<T> LookAsync<T>(TimeSpan ageMax, Func<BlockLook, T> tell, CancellationToken ct)
    {
        var look = await RecentAsync(ageMax).WaitAsync(ct);
        try
        {
            return tell(look);
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            throw Unreadable(e);
        }
    }

    private Task<BlockLook> RecentAsync(TimeSpan ageMax)
    {
        lock (_gate)
            return _last is { } last && ageMax > TimeSpan.Zero && time.GetElapsedTime(_lastBegan) <= ageMax
                ? Task.FromResult(last)
                : _coming ??= AskAsync();
    }

    // Nobody's token: others wait for it too, and each command has its limit.
    private async Task<BlockLook> AskAsync()
    {
        await Task.Yield(); // the gate is held by who calls
        long began = 0;
        try
        {
            var look = await TalkAsync(qmp =>
            {
                began = BeginLook();
                return BlockLook.TakeAsync(qmp, CancellationToken.None);
            }, CancellationToken.None);
            lock (_gate) (_last, _lastBegan) = (look, began);
            return look;
        }
        finally
        {
            if (began == 0) BeginLook();
        }
    }

    // Whoever asks from here on needs the next one.
    private long BeginLook()
    {
        lock (_gate)
        {
            _coming = null;
            return time.GetTimestamp();
        }
    }

    public void Dispose() => _turn.Dispose();

    // An answer without what this QEMU should have said.
    private static bool IsUnreadable(Exception e) =>
        e is KeyNotFoundException or InvalidOperationException or FormatException;

    private TapException Unreadable(Exception e) =>
        new(TapFault.Refused, $"{socketPath}: an answer could not be read: {e.Message}", e);

    private static TapFault FaultOf(QmpFault fault) => fault switch
    {
        QmpFault.Refused => TapFault.Refused,
        QmpFault.Closed => TapFault.InstanceGone,
        QmpFault.Unreachable or QmpFault.Busy or QmpFault.Timeout or QmpFault.Protocol or QmpFault.HostUnreachable =>
            TapFault.MonitorUnreachable,
    };
}
