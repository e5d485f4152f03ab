// SPDX-License-Identifier: Apache-2.0
using System.ComponentModel;
using System.Diagnostics;

namespace Lifeboat.Sites.Qemu.Host;

/// <param name="Error">What it said on stderr, trimmed.</param>
internal sealed record ToolResult(string Command, int ExitCode, string Output, string Error)
{
    public bool Succeeded => ExitCode == 0;

    /// <exception cref="SiteException">Refused: it failed; with its own words.</exception>
    public ToolResult OrThrow(string doing) => Succeeded ? this
        : throw new SiteException(SiteFault.Refused, $"{doing}: `{Command}` failed ({ExitCode}): "
            + (Error.Length > 0 ? Error : Output.Trim()));
}

/// <summary>Runs the programs of the host (ip, nft, dnsmasq, qemu-img): arguments as a list, never through a
/// shell.</summary>
internal static class Tool
{
    // Where Debian keeps what only root calls; a user's PATH may lack them.
    private static readonly string[] Extra = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];

    public static string? Find(string program)
    {
        if (program.Contains('/', StringComparison.Ordinal)) return File.Exists(program) ? program : null;
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        return path.Split(':', StringSplitOptions.RemoveEmptyEntries).Concat(Extra)
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
    }

    /// <exception cref="SiteException">ToolMissing.</exception>
    public static async Task<ToolResult> RunAsync(string program, IEnumerable<string> arguments, CancellationToken ct,
        string? input = null)
    {
        var start = new ProcessStartInfo(Find(program) ?? throw Missing(program), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Start(start, program);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(ct);
            var error = process.StandardError.ReadToEndAsync(ct);
            if (input is not null) await process.StandardInput.WriteAsync(input.AsMemory(), ct);
            process.StandardInput.Close();
            await process.WaitForExitAsync(ct);
            var command = $"{program} {string.Join(' ', start.ArgumentList)}";
            return new ToolResult(command, process.ExitCode, await output, (await error).Trim());
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    public static SiteException Missing(string program) => new(SiteFault.ToolMissing,
        $"the program '{program}' is not on this host; install it (on Debian: qemu-system-x86, qemu-utils, iproute2, "
        + "dnsmasq-base, nftables) and try again");

    private static Process Start(ProcessStartInfo start, string program)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new SiteException(SiteFault.ToolMissing, $"'{program}' cannot be run: {e.Message}", e);
        }
    }
}
