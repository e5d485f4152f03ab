// SPDX-License-Identifier: Apache-2.0
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lifeboat.Qemu;

namespace Lifeboat.Quiescing.GuestAgent;

/// <summary>
/// What the hooks of the guest's hook directory came to. qemu-ga says only whether the hook itself failed, and the one
/// that ships with it ends well whatever its directory's hooks did; their results are lines of its log, which is read
/// from where it ended before the freeze.
/// </summary>
/// <remarks>Lines: `DATE: FILE finished with status=N`, qemu's scripts/qemu-guest-agent/fsfreeze-hook.</remarks>
internal sealed partial class HookLog(QuiesceTarget target)
{
    public const string Usual = "/var/log/qga-fsfreeze-hook.log";
    private const int BytesMax = 16 << 10;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    private long? _end;
    private string? _unread;

    /// <summary>Before the freeze: remembers where the log ends.</summary>
    public async Task MarkAsync(CancellationToken ct)
    {
        if (Path is null) return;
        try
        {
            _end = await WithFileAsync(async (agent, handle) =>
                (await SeekAsync(agent, handle, 0, "end", ct)).GetProperty("position").GetInt64(), ct);
        }
        catch (QmpException e) when (e.Fault == QmpFault.Refused)
        {
            // No log yet: one that is there after the thaw is this freeze's from its beginning.
            (_end, _unread) = (0, e.Message);
        }
    }

    /// <summary>After the thaw.</summary>
    /// <returns>Whether none has failed, and what to say.</returns>
    public async Task<(bool Ok, string Text)> ReadAsync(CancellationToken ct)
    {
        if (Path is null || _end is not { } from) return (true, "");
        try
        {
            var text = await WithFileAsync(async (agent, handle) =>
            {
                await SeekAsync(agent, handle, from, "set", ct);
                var read = await agent.ExecuteAsync("guest-file-read",
                    new JsonObject { ["handle"] = handle, ["count"] = BytesMax }, ct);
                return Encoding.UTF8.GetString(Convert.FromBase64String(read.GetProperty("buf-b64").GetString()!));
            }, ct);
            var hooks = Finished().Matches(text).Select(m => (Name: m.Groups[1].Value, Status: m.Groups[2].Value))
                .ToList();
            if (hooks.Count == 0) return (true, "; its hook directory ran nothing");
            return (hooks.TrueForAll(h => h.Status == "0"),
                "; hooks: " + string.Join(", ", hooks.Select(h => $"{System.IO.Path.GetFileName(h.Name)}={h.Status}")));
        }
        catch (QmpException e) when (e.Fault == QmpFault.Refused)
        {
            return (true, $"; of its hooks nothing more is known: {_unread ?? e.Message}");
        }
    }

    private string? Path => target.Setting("hook-log") switch { null => Usual, "none" => null, var path => path };

    private async Task<T> WithFileAsync<T>(Func<GuestAgentClient, long, Task<T>> use, CancellationToken ct)
    {
        var agent = GuestAgents.Client(target, Limit);
        var handle = (await agent.ExecuteAsync("guest-file-open",
            new JsonObject { ["path"] = Path, ["mode"] = "r" }, ct)).GetInt64();
        try
        {
            return await use(agent, handle);
        }
        finally
        {
            await agent.ExecuteAsync("guest-file-close", new JsonObject { ["handle"] = handle }, ct);
        }
    }

    private static Task<JsonElement> SeekAsync(
        GuestAgentClient agent, long handle, long offset, string whence, CancellationToken ct) =>
        agent.ExecuteAsync("guest-file-seek",
            new JsonObject { ["handle"] = handle, ["offset"] = offset, ["whence"] = whence }, ct);

    [GeneratedRegex(@"(\S+) finished with status=(\d+)", RegexOptions.CultureInvariant)]
    private static partial Regex Finished();
}
