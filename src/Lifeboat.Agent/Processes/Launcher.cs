// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Agent.Processes;

/// <summary>
/// Starts processes of a site from this executable: each in a session of its own, so that none ends with the one that
/// started it, and with its output appended to `logs/role.log`.
/// </summary>
/// <param name="Program">The `lifeboat` executable, or `dotnet`.</param>
/// <param name="Prefix">What comes before the sub-command: the assembly, with `dotnet`.</param>
public sealed record Launcher(string Program, IReadOnlyList<string> Prefix)
{
    // sh and setsid replace themselves, so the process number stays the one that was started.
    private const string Script = """
        log=$1; priority=$2; shift 2
        exec </dev/null >>"$log" 2>&1
        exec nice -n $((priority - $(nice))) setsid "$@"
        """;

    // Guests wait for the agent's answers, so it goes first where that is permitted; nice only warns where it is not.
    private const string AgentPriority = "-5";

    // By itself it makes one for each of many threads, and what is free in one stays there: 4 MiB of an idle agent.
    // What guests wait for takes no memory of the C library.
    private const string Arenas = "MALLOC_ARENA_MAX", One = "1";

    /// <summary>The C library is to have one arena in an agent, unless the operator told it something else.</summary>
    public static void SpareArenas(ProcessStartInfo agent) => agent.Environment.TryAdd(Arenas, One);

    /// <summary>That was for the agent alone, and not for what it starts.</summary>
    public static void ForgetArenas()
    {
        if (Environment.GetEnvironmentVariable(Arenas) == One) Environment.SetEnvironmentVariable(Arenas, null);
    }

    public static Launcher OfThisProcess()
    {
        var program = Environment.ProcessPath ?? "lifeboat";
        return Path.GetFileNameWithoutExtension(program) == "dotnet"
            ? new Launcher(program, [Environment.GetCommandLineArgs()[0]])
            : new Launcher(program, []);
    }

    /// <param name="role">The sub-command: `watchdog`, `controller` or `agent`.</param>
    public ProcessIdentity? Start(SitePaths paths, string role)
    {
        Directory.CreateDirectory(paths.Logs);
        var start = new ProcessStartInfo("/bin/sh");
        IEnumerable<string> arguments =
        [
            "-c", Script, "sh", paths.LogFile(role), role == SiteRole.Agent ? AgentPriority : "0",
            Program, .. Prefix, role, "--site-dir", paths.Root,
        ];
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        if (role == SiteRole.Agent) SpareArenas(start);
        // Not disposed: while the object lives, the runtime reaps the child when it ends.
        var process = Process.Start(start);
        return process is null ? null : ProcessIdentity.Find(process.Id);
    }
}
