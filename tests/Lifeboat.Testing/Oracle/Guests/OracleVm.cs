// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Qemu;

namespace Lifeboat.Testing.Oracle;

/// <summary>A running oracle guest, started by hand and owned by the test. Disposing kills what still runs.</summary>
public sealed class OracleVm : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _complaints = new();

    private OracleVm(OracleVmOptions options, Process process)
    {
        Options = options;
        _process = process;
        process.ErrorDataReceived += (_, e) => { lock (_complaints) _complaints.AppendLine(e.Data); };
        process.OutputDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
    }

    public OracleVmOptions Options { get; }
    public int ProcessId => _process.Id;
    public bool Running => !_process.HasExited;
    /// <summary>How it ended: its exit code; 128 and the signal's number when it was killed.</summary>
    public string Ending() => Running ? "not" : $"exit code {_process.ExitCode}";
    public string QmpSocket => Options.QmpSocket;
    public string GuestAgentSocket => Options.GuestAgentSocket;

    /// <summary>Returns when the monitor answers; the guest is then still booting.</summary>
    /// <exception cref="OracleException">GuestFailed: QEMU ended at once, with what it said.</exception>
    public static async Task<OracleVm> StartAsync(OracleVmOptions options, CancellationToken ct)
    {
        var problems = options.Problems().ToArray();
        if (problems.Length > 0) throw new OracleException(OracleFault.BadArguments, string.Join("; ", problems));
        Directory.CreateDirectory(options.Directory);
        string[] sockets = [options.QmpSocket, options.TestQmpSocket, options.GuestAgentSocket];
        foreach (var left in sockets) File.Delete(left);
        var accelerator = options.Accelerator ?? await QemuAccelerator.ProbeAsync(ct);
        var start = new ProcessStartInfo("qemu-system-x86_64", options.Arguments(accelerator))
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        var vm = new OracleVm(options, Process.Start(start)!);
        try
        {
            await vm.RetryAsync(() => vm.AskMonitorAsync("query-status", null, ct), ct);
            return vm;
        }
        catch
        {
            await vm.DisposeAsync();
            throw;
        }
    }

    /// <summary>qemu-ga. Its socket serves one client at a time, and the product may be on it.</summary>
    public GuestAgentClient Agent => new(GuestAgentSocket, QmpOptions.Default, TimeProvider.System);

    /// <summary>Waits until qemu-ga answers.</summary>
    public Task WaitForGuestAgentAsync(CancellationToken ct) =>
        RetryAsync(() => Agent.ExecuteAsync("guest-ping", null, ct), ct);

    /// <summary>One QMP command on the second monitor, which the product does not know.</summary>
    public async Task<JsonElement> AskMonitorAsync(string command, JsonObject? arguments, CancellationToken ct)
    {
        await using var monitor =
            await QmpClient.ConnectAsync(Options.TestQmpSocket, QmpOptions.Default, TimeProvider.System, ct);
        return await monitor.ExecuteAsync(command, arguments, ct);
    }

    /// <summary>The host dies: SIGKILL to QEMU. Returns when it is gone.</summary>
    public async Task KillAsync(CancellationToken ct)
    {
        if (Running) _process.Kill();
        await _process.WaitForExitAsync(ct);
    }

    /// <summary>qemu-ga's guest-shutdown; returns when the guest has powered off.</summary>
    public async Task ShutDownAsync(CancellationToken ct)
    {
        await Agent.ShutdownAsync(ct);
        await WaitForPowerOffAsync(ct);
    }

    /// <summary>The ACPI power button; returns when the guest has powered off.</summary>
    public async Task PressPowerButtonAsync(CancellationToken ct)
    {
        await AskMonitorAsync("system_powerdown", null, ct);
        await WaitForPowerOffAsync(ct);
    }

    /// <summary>Returns when QEMU has ended, for whatever reason.</summary>
    public Task WaitForEndAsync(CancellationToken ct) => _process.WaitForExitAsync(ct);

    public string Console() => File.Exists(Options.ConsoleLog) ? File.ReadAllText(Options.ConsoleLog) : "";

    /// <summary>What QEMU and the guest's console say, for whoever asks why the guest is silent.</summary>
    public async Task<IReadOnlyList<string>> LookAsync(CancellationToken ct)
    {
        var told = new List<string> { $"  QEMU ended: {Ending()} {Complaints()}" };
        if (Running)
            foreach (var command in new[] { "query-status", "query-block-jobs", "query-block" })
                told.Add($"  {command}: {await AskMonitorAsync(command, null, ct)}");
        return [.. told, .. Console().Split('\n').TakeLast(20).Select(line => $"  console: {line.Trim()}")];
    }

    public async ValueTask DisposeAsync()
    {
        if (Running) _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
    }

    private async Task WaitForPowerOffAsync(CancellationToken ct)
    {
        if (!Options.StayAfterShutdown)
        {
            await _process.WaitForExitAsync(ct);
            return;
        }
        while ((await AskMonitorAsync("query-status", null, ct)).GetProperty("status").GetString() != "shutdown")
            await Task.Delay(50, ct);
    }

    // Sockets appear, and qemu-ga comes up, some time after the start: nothing announces it, so we try.
    private async Task RetryAsync(Func<Task> attempt, CancellationToken ct)
    {
        while (true)
        {
            if (!Running) throw new OracleException(OracleFault.GuestFailed, $"QEMU ended: {Complaints()}");
            try
            {
                await attempt();
                return;
            }
            catch (QmpException e) when (e.Fault is QmpFault.Unreachable or QmpFault.Timeout or QmpFault.Closed)
            {
                await Task.Delay(20, ct);
            }
        }
    }

    /// <summary>What QEMU said on its standard error.</summary>
    public string Complaints()
    {
        lock (_complaints) return _complaints.ToString().Trim();
    }
}
