// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.IntegrationTests.Nbd;

internal sealed record ToolResult(int ExitCode, string Output, string Error)
{
    public string Succeeded()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}\n{Error}\n{Output}");
        return Output;
    }
}

/// <summary>Runs other people's NBD programs; a test whose program is missing is skipped and says so.</summary>
internal static class Tool
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    public static async Task<ToolResult> RunAsync(string program, params string[] arguments)
    {
        using var process = Start(program, arguments);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return new ToolResult(process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    public static Process Start(string program, params string[] arguments)
    {
        var info = new ProcessStartInfo(PathOf(program), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        return LastingStarter.Start(info);
    }

    private static string PathOf(string program)
    {
        string[] folders = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"];
        var found = folders.Select(f => Path.Combine(f, program)).FirstOrDefault(File.Exists);
        Assert.SkipWhen(found is null, $"{program} is not installed");
        return found!;
    }
}
