// SPDX-License-Identifier: Apache-2.0
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Qemu.Libvirt;

namespace Lifeboat.Qemu;

/// <summary>
/// qemu-ga through its host-side unix socket, or through the libvirt that has it. The socket serves ONE client at a
/// time over all processes, and answers to an earlier client may still be in it: every operation here connects, flushes
/// with `guest-sync-delimited`, does its one thing and closes. While another client is on it, an operation waits its
/// turn within the connect limit.
/// Every failure is a <see cref="QmpException"/>; Timeout also when the guest or its agent does not run.
/// </summary>
public sealed class GuestAgentClient(string socketPath, QmpOptions options, TimeProvider time)
{
    private static readonly TimeSpan PollMin = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan PollMax = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan ShutdownErrorWait = TimeSpan.FromSeconds(1);
    private static long s_syncs = Environment.ProcessId * 1_000_000L % (1L << 40);

    public string SocketPath => socketPath;

    public Task PingAsync(CancellationToken ct) => ExecuteAsync("guest-ping", null, ct);

    /// <summary>Flushes and freezes all file systems; returns how many. The caller must see to the thaw.</summary>
    public async Task<int> FreezeAsync(CancellationToken ct) =>
        (await ExecuteAsync("guest-fsfreeze-freeze", null, ct)).GetInt32();

    /// <summary>Thaws; returns how many file systems were thawed (0: none was frozen).</summary>
    public async Task<int> ThawAsync(CancellationToken ct) =>
        (await ExecuteAsync("guest-fsfreeze-thaw", null, ct)).GetInt32();

    public async Task<bool> IsFrozenAsync(CancellationToken ct) =>
        (await ExecuteAsync("guest-fsfreeze-status", null, ct)).GetString() == "frozen";

    /// <summary>Asks the guest to power off. It answers only when it refuses; return means that it was asked.</summary>
    public async Task ShutdownAsync(CancellationToken ct)
    {
        using var session = await OpenAsync(ct);
        await session.SendAsync("guest-shutdown", new JsonObject { ["mode"] = "powerdown" }, ct);
        using var late = new CancellationTokenSource(ShutdownErrorWait, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        try
        {
            await session.ReceiveAsync(any.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // Silence is consent.
        }
        catch (QmpException e) when (e.Fault == QmpFault.Closed)
        {
            // QEMU is gone already.
        }
    }

    /// <summary>Starts a program in the guest; the returned process id is for <see cref="ExecStatusAsync"/>.</summary>
    public async Task<long> ExecAsync(string path, IEnumerable<string> arguments, CancellationToken ct)
    {
        var list = new JsonArray([.. arguments.Select(a => (JsonNode)JsonValue.Create(a))]);
        var started = await ExecuteAsync("guest-exec",
            new JsonObject { ["path"] = path, ["arg"] = list, ["capture-output"] = true }, ct);
        return started.GetProperty("pid").GetInt64();
    }

    /// <summary>Null while it runs. An ended program can be asked for once: the agent forgets it then.</summary>
    public async Task<GuestExit?> ExecStatusAsync(long process, CancellationToken ct)
    {
        var status = await ExecuteAsync("guest-exec-status", new JsonObject { ["pid"] = process }, ct);
        if (!status.GetProperty("exited").GetBoolean()) return null;
        return new GuestExit(
            status.TryGetProperty("exitcode", out var code) ? code.GetInt32() : -1,
            status.TryGetProperty("signal", out var signal) ? signal.GetInt32() : null,
            Output(status, "out-data"), Output(status, "err-data"));
    }

    /// <summary>Runs a program to its end. Past the limit it is left running in the guest.</summary>
    /// <exception cref="QmpException">Timeout: it did not end within the limit.</exception>
    public async Task<GuestExit> RunAsync(
        string path, IEnumerable<string> arguments, TimeSpan limit, CancellationToken ct)
    {
        var process = await ExecAsync(path, arguments, ct);
        var started = time.GetTimestamp();
        for (var pause = PollMin; ; pause = pause * 2 < PollMax ? pause * 2 : PollMax)
        {
            if (await ExecStatusAsync(process, ct) is { } exit) return exit;
            if (time.GetElapsedTime(started) > limit)
                throw new QmpException(QmpFault.Timeout, $"{path} did not end within {limit.TotalSeconds:0.#} s");
            await Task.Delay(pause, time, ct);
        }
    }

    public async Task<IReadOnlyList<GuestInterface>> InterfacesAsync(CancellationToken ct)
    {
        var answer = await ExecuteAsync("guest-network-get-interfaces", null, ct);
        return [.. answer.EnumerateArray().Select(ReadInterface)];
    }

    public async Task<GuestSystem> SystemAsync(CancellationToken ct)
    {
        var answer = await ExecuteAsync("guest-get-osinfo", null, ct);
        return new GuestSystem(Text(answer, "id"), Text(answer, "pretty-name"), Text(answer, "kernel-release"),
            Text(answer, "machine"));
    }

    /// <summary>Any other command of the agent.</summary>
    public async Task<JsonElement> ExecuteAsync(string command, JsonObject? arguments, CancellationToken ct)
    {
        using var session = await OpenAsync(ct);
        // Cancelled by the caller (ct) or by the limit; only the latter is a time-out.
        using var late = new CancellationTokenSource(options.CommandLimit, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        try
        {
            await session.SendAsync(command, arguments, any.Token);
            return await session.ReceiveAsync(any.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new QmpException(QmpFault.Timeout,
                $"{command} was not answered within {options.CommandLimit.TotalSeconds:0.#} s");
        }
        catch (QmpException e) when (e.Fault == QmpFault.Refused)
        {
            throw new QmpException(QmpFault.Refused, e.ErrorClass, $"{command}: {e.Message}", e);
        }
    }

    private async Task<IGuestAgentSession> OpenAsync(CancellationToken ct)
    {
        // Cancelled by the caller (ct) or by the limit; only the latter is a time-out.
        using var late = new CancellationTokenSource(options.ConnectLimit, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, late.Token);
        IGuestAgentSession? session = null;
        try
        {
            session = LibvirtAddress.Read(socketPath) is { } address
                ? await LibvirtAgentSession.OpenAsync(address, options.CommandLimit, any.Token)
                : new GuestAgentSession(new JsonLines(
                    await UnixSocket.ConnectAsync(socketPath, time, any.Token), options.LineBytesMax));
            await session.SyncAsync(Interlocked.Increment(ref s_syncs), any.Token);
            return session;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            session?.Dispose();
            throw new QmpException(QmpFault.Timeout, $"{socketPath}: no guest agent answered within "
                + $"{options.ConnectLimit.TotalSeconds:0.#} s; it does not run in the guest or serves another client");
        }
        catch
        {
            session?.Dispose();
            throw;
        }
    }

    private static GuestInterface ReadInterface(JsonElement nic)
    {
        var addresses = nic.TryGetProperty("ip-addresses", out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Select(a => Text(a, "ip-address")).ToList()
            : [];
        return new GuestInterface(Text(nic, "name"), Text(nic, "hardware-address").ToLowerInvariant(), addresses);
    }

    private static string Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";

    private static string Output(JsonElement status, string name) =>
        Encoding.UTF8.GetString(Convert.FromBase64String(Text(status, name)));
}

/// <param name="ExitCode">-1 when it was ended by a signal.</param>
public sealed record GuestExit(int ExitCode, int? Signal, string Output, string ErrorOutput);

/// <param name="Mac">Lower case; empty for an interface without one.</param>
/// <param name="Addresses">IPv4 and IPv6 addresses without prefix length.</param>
public sealed record GuestInterface(string Name, string Mac, IReadOnlyList<string> Addresses);

public sealed record GuestSystem(string Id, string PrettyName, string Kernel, string Machine);
