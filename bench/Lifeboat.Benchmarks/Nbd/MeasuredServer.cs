// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Runtime.InteropServices;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.Benchmarks.Nbd;

/// <summary>A server process on a unix socket, whose CPU time can be read.</summary>
internal sealed partial class MeasuredServer : IDisposable
{
    private readonly Process _process;

    private MeasuredServer(string name, string socket, Process process) =>
        (Name, Socket, _process) = (name, socket, process);

    public string Name { get; }

    public string Socket { get; }

    public static async Task<MeasuredServer> StartAsync(
        string name, string socket, string program, params string[] arguments)
    {
        var info = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        };
        var process = LastingStarter.Start(info);
        for (var waited = 0; !File.Exists(socket); waited++)
        {
            if (process.HasExited || waited > 500)
                throw new InvalidOperationException($"{name} did not start: {await ErrorOfAsync(process)}");
            await Task.Delay(20);
        }
        return new MeasuredServer(name, socket, process);
    }

    public int ProcessId => _process.Id;

    public long CpuNanoseconds() => CpuNanoseconds(_process.Id);

    /// <summary>Nanoseconds on a CPU, over all threads, those that have ended too.</summary>
    public static unsafe long CpuNanoseconds(int processId)
    {
        var now = stackalloc long[2]; // seconds and nanoseconds
        if (ClockOf(processId, out var clock) != 0 || ReadClock(clock, now) != 0)
            throw new InvalidOperationException($"process {processId} has ended");
        return now[0] * 1_000_000_000 + now[1];
    }

    [LibraryImport("libc", EntryPoint = "clock_getcpuclockid")]
    private static partial int ClockOf(int processId, out int clock);

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static unsafe partial int ReadClock(int clock, long* now);

    /// <summary>A server that died is a finding, not a slow server.</summary>
    public Exception Failed(Exception cause)
    {
        var ended = _process.WaitForExit(TimeSpan.FromSeconds(1));
        var state = ended ? $"ended with {_process.ExitCode}: {_process.StandardError.ReadToEnd()}" : "runs";
        return new InvalidOperationException($"{Name} failed and {state}", cause);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private static async Task<string> ErrorOfAsync(Process process)
    {
        if (!process.HasExited)
            process.Kill();
        return await process.StandardError.ReadToEndAsync();
    }
}
