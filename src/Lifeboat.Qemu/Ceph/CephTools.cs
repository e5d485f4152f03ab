// SPDX-License-Identifier: Apache-2.0
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Lifeboat.Qemu.Ceph;

// Processes and not librbd in ours: a cluster that hangs takes a process with it that can be killed, and neither the
// library's threads nor its memory are the agent's.
/// <summary>One cluster, by the tools of `ceph-common`.</summary>
public sealed class CephTools(CephAccess access, TimeProvider time)
{
    // Beyond what the tools themselves wait for the monitors: to start, and to say that nobody answered.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    public CephAccess Access => access;

    /// <param name="limit">For what takes its time; null: as long as an answer may take.</param>
    /// <returns>What it said on standard output.</returns>
    /// <exception cref="CephException">It failed.</exception>
    public Task<string> RbdAsync(IEnumerable<string> arguments, TimeSpan? limit, CancellationToken ct) =>
        RunAsync("rbd", [.. Connecting("--client-mount-timeout"), "--rados-mon-op-timeout", Seconds, .. arguments],
            limit ?? access.AnswersWithin, ct);

    public Task<string> CephAsync(IEnumerable<string> arguments, CancellationToken ct) =>
        RunAsync("ceph", [.. Connecting("--connect-timeout"), .. arguments], access.AnswersWithin, ct);

    private string Seconds => Math.Ceiling(access.AnswersWithin.TotalSeconds).ToString(CultureInfo.InvariantCulture);

    private string[] Connecting(string timeout) =>
        ["-c", access.ConfigurationFile, "--id", access.User, timeout, Seconds];

    private async Task<string> RunAsync(string program, string[] arguments, TimeSpan limit, CancellationToken ct)
    {
        // Any tool would say so, but not what to do.
        if (!File.Exists(access.ConfigurationFile))
            throw new CephException(CephFault.Unreachable,
                $"{access.ConfigurationFile} is not there: it must name the Ceph cluster's monitors");
        using var process = Start(program, arguments);
        using var over = new CancellationTokenSource(limit + Grace, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, over.Token);
        try
        {
            var told = process.StandardOutput.ReadToEndAsync(either.Token);
            var said = process.StandardError.ReadToEndAsync(either.Token);
            await process.WaitForExitAsync(either.Token);
            if (process.ExitCode == 0) return await told;
            throw Failure(program, arguments, process.ExitCode, (await said).Trim());
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new CephException(CephFault.Unreachable, $"the Ceph cluster of {access.ConfigurationFile} has not "
                + $"answered within {(limit + Grace).TotalSeconds:0} s: are its monitors and OSDs up?");
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    private CephException Failure(string program, string[] arguments, int code, string said)
    {
        const int notPermitted = 1, notFound = 2, noMemory = 12, denied = 13, busy = 16, exists = 17, full = 28,
            timedOut = 110, overQuota = 122;
        // "couldn't connect" has many codes, among them those of a wrong key.
        var fault = said.Contains("couldn't connect", StringComparison.Ordinal)
            || said.Contains("error connecting", StringComparison.Ordinal) ? CephFault.Unreachable : code switch
            {
                notFound => CephFault.NotFound,
                busy => CephFault.Busy,
                exists => CephFault.Exists,
                full or overQuota => CephFault.Full,
                notPermitted or denied or noMemory or timedOut => CephFault.Unreachable,
                _ => CephFault.Refused,
            };
        var hint = fault switch
        {
            CephFault.Unreachable when code == timedOut =>
                $" within {Seconds} s: are the monitors of {access.ConfigurationFile} up?",
            CephFault.Unreachable => $" (as client.{access.User}, by {access.ConfigurationFile})",
            CephFault.NotFound or CephFault.Exists or CephFault.Busy or CephFault.Full or CephFault.Refused => "",
        };
        var verb = string.Join(' ', arguments.SkipWhile(a => a is not ("--rados-mon-op-timeout" or "--connect-timeout"))
            .Skip(2).TakeWhile(a => a[0] != '-'));
        return new CephException(fault, $"{program} {verb}: {LastOf(said, code)}{hint}");
    }

    // Its lines of logging come first and say less.
    private static string LastOf(string said, int code) => said.Length == 0 ? $"ended with {code}"
        : string.Join("; ", said.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .TakeLast(3));

    private static Process Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardError = true, RedirectStandardOutput = true, UseShellExecute = false,
        };
        start.Environment["LC_ALL"] = "C";
        start.Environment.Remove("CEPH_ARGS");
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new CephException(CephFault.Unreachable,
                $"{program} cannot be started: {e.Message}; install ceph-common", e);
        }
    }
}
