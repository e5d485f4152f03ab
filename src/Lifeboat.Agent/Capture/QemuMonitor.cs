// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

// The monitor of one QEMU process. It serves one client at a time, so this agent talks one conversation after another,
// each short, and a controller or an operator gets in between. Failures leave here as TapException.
internal sealed class QemuMonitor(string socketPath, string pullSocket, QmpOptions options, TimeProvider time)
    : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);

    public string SocketPath => socketPath;

    /// <summary>NBD server of this QEMU, shared by the taps of its disks.</summary>
    public PullServer Pull { get; } = new(pullSocket);

    public async Task<T> TalkAsync<T>(Func<QmpClient, Task<T>> conversation, CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            await using var qmp = await QmpClient.ConnectAsync(socketPath, options, time, ct);
            return await conversation(qmp);
        }
        catch (QmpException e)
        {
            throw new TapException(FaultOf(e.Fault), e.Message, e);
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            // An answer without what this QEMU should have said.
            throw new TapException(TapFault.Refused, $"{socketPath}: an answer could not be read: {e.Message}", e);
        }
        finally
        {
            _turn.Release();
        }
    }

    public Task TalkAsync(Func<QmpClient, Task> conversation, CancellationToken ct) => TalkAsync(async qmp =>
    {
        await conversation(qmp);
        return true;
    }, ct);

    public void Dispose() => _turn.Dispose();

    private static TapFault FaultOf(QmpFault fault) => fault switch
    {
        QmpFault.Refused => TapFault.Refused,
        QmpFault.Closed => TapFault.InstanceGone,
        QmpFault.Unreachable or QmpFault.Busy or QmpFault.Timeout or QmpFault.Protocol => TapFault.MonitorUnreachable,
    };
}
