// SPDX-License-Identifier: Apache-2.0
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lifeboat.Qemu.Libvirt;

// A guest agent whose channel libvirt has. It does the sync itself, before every command.
internal sealed class LibvirtAgentSession(LibvirtDomain domain, TimeSpan limit) : IGuestAgentSession
{
    private string _command = "";
    private Task? _asking;

    public static async Task<LibvirtAgentSession> OpenAsync(
        LibvirtAddress address, TimeSpan limit, CancellationToken ct)
    {
        var connection = await LibvirtConnection.OfAsync(address, ct);
        return new LibvirtAgentSession(
            await Task.Run(() => LibvirtDomain.Find(connection, address), CancellationToken.None).WaitAsync(ct), limit);
    }

    public Task SyncAsync(long id, CancellationToken ct) => Task.CompletedTask;

    public Task SendAsync(string command, JsonObject? arguments, CancellationToken ct)
    {
        _command = Encoding.UTF8.GetString(GuestAgentSession.Encode(command, arguments).WrittenSpan);
        return Task.CompletedTask;
    }

    public async Task<JsonElement> ReceiveAsync(CancellationToken ct)
    {
        var asking = Task.Factory.StartNew(() => domain.Agent(_command, limit), CancellationToken.None,
            TaskCreationOptions.LongRunning, TaskScheduler.Default);
        _asking = asking;
        return GuestAgentSession.ReadAnswer(Encoding.UTF8.GetBytes(await asking.WaitAsync(ct)));
    }

    // An answer that nobody waits for any more still needs the domain.
    public void Dispose()
    {
        if (_asking is { IsCompleted: false } asking)
            _ = asking.ContinueWith(_ => domain.Dispose(), TaskScheduler.Default);
        else domain.Dispose();
    }
}
