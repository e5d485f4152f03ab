// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lifeboat.Qemu;

// One conversation with a guest agent: nothing of an earlier client's is in it once it is synced.
internal interface IGuestAgentSession : IDisposable
{
    Task SyncAsync(long id, CancellationToken ct);
    Task SendAsync(string command, JsonObject? arguments, CancellationToken ct);
    /// <summary>What stands under `return` of the answer to what was sent.</summary>
    /// <exception cref="QmpException">Refused with the agent's words, Timeout, Closed.</exception>
    Task<JsonElement> ReceiveAsync(CancellationToken ct);
}
