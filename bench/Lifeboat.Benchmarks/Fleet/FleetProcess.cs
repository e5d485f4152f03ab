// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;

namespace Lifeboat.Benchmarks.Fleet;

/// <summary>One process of the fleet; what it logs is in a file.</summary>
internal sealed class FleetProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(3);
    private readonly Process _process;

    private FleetProcess(Process process) => _process = process;

    public int Id => _process.Id;
    public double ResidentMegabytes => Figures.ResidentMegabytes(Id);

    /// <summary>Seconds of processor time so far.</summary>
    public double ProcessorSeconds
    {
        get
        {
            // Behind the name, which may have blanks: fields 14 and 15 are user and system time in ticks of 10 ms.
            var fields = File.ReadAllText($"/proc/{Id}/stat").Split(") ")[^1].Split(' ');
            return (long.Parse(fields[11], CultureInfo.InvariantCulture)
                + long.Parse(fields[12], CultureInfo.InvariantCulture)) / 100.0;
        }
    }

    /// <summary>Returns when it says that it is ready.</summary>
    public static async Task<FleetProcess> StartAsync(string log, params string[] arguments)
    {
        var start = new ProcessStartInfo(SelfProcess.Program, SelfProcess.Arguments(arguments))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{arguments[0]} did not start");
        var ready = new TaskCompletionSource();
        var lines = File.AppendText(log);
        void Take(string? line)
        {
            if (line == FleetServe.Ready) ready.TrySetResult();
            else if (line is null) ready.TrySetException(new InvalidOperationException($"{arguments[0]} ended: {log}"));
            else lock (lines) lines.WriteLine(line);
            lock (lines) lines.Flush();
        }
        process.OutputDataReceived += (_, e) => Take(e.Data);
        process.ErrorDataReceived += (_, e) => { if (e.Data is { } line) Take(line); };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await ready.Task.WaitAsync(StartLimit);
        return new FleetProcess(process);
    }

    /// <summary>As kill -9 does.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            using (Process.Start("/bin/kill", ["-TERM", Id.ToString(CultureInfo.InvariantCulture)])) { }
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                await KillAsync();
            }
        }
        _process.Dispose();
    }
}
