// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.Benchmarks.Nbd;

/// <summary>A server process on a unix socket, whose CPU time can be read.</summary>
internal sealed class MeasuredServer : IDisposable
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

    /// <summary>Nanoseconds on a CPU, over all threads that live now.</summary>
    public static long CpuNanoseconds(int processId)
    {
        long total = 0;
        foreach (var task in Directory.GetDirectories($"/proc/{processId}/task"))
        {
            try
            {
                total += long.Parse(File.ReadAllText(Path.Combine(task, "schedstat")).Split(' ')[0]);
            }
            catch (IOException)
            {
                // The thread ended between the listing and the look.
            }
        }
        return total;
    }

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
