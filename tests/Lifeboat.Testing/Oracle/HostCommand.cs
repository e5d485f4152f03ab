// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;

namespace Lifeboat.Testing.Oracle;

/// <summary>One run of a program of this machine, to its end.</summary>
public sealed record HostCommand(int ExitCode, string Output, string Errors)
{
    public string AllText => Output + Errors;

    /// <summary>Runs it with no input. A cancelled run is killed.</summary>
    public static async Task<HostCommand> RunAsync(string program, IEnumerable<string> arguments, CancellationToken ct)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // Debian keeps mkfs, e2fsck and friends out of the path of ordinary users.
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin";
        start.Environment["LC_ALL"] = "C";
        using var process = Process.Start(Resolve(start))
            ?? throw new OracleException(OracleFault.ToolFailed, $"{program} did not start");
        process.StandardInput.Close();
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(ct);
            var errors = process.StandardError.ReadToEndAsync(ct);
            var text = (Output: await output, Errors: await errors);
            await process.WaitForExitAsync(ct);
            return new HostCommand(process.ExitCode, text.Output, text.Errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    /// <summary>As <see cref="RunAsync"/>, and any exit code but 0 is an <see cref="OracleException"/>.</summary>
    public static async Task<string> MustAsync(string program, IEnumerable<string> arguments, CancellationToken ct)
    {
        var list = arguments.ToArray();
        var run = await RunAsync(program, list, ct);
        if (run.ExitCode == 0) return run.Output;
        throw new OracleException(OracleFault.ToolFailed,
            $"{program} {string.Join(' ', list)} ended with {run.ExitCode}: {run.AllText.Trim()}");
    }

    private static ProcessStartInfo Resolve(ProcessStartInfo start)
    {
        if (start.FileName.Contains('/')) return start;
        var found = start.Environment["PATH"]!.Split(':')
            .Select(folder => Path.Combine(folder, start.FileName)).FirstOrDefault(File.Exists)
            ?? throw new OracleException(OracleFault.ToolMissing, $"{start.FileName} is not installed");
        start.FileName = found;
        return start;
    }
}
