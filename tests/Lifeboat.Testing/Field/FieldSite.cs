// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Testing.Field;

/// <summary>What a command printed and how it ended.</summary>
public sealed record CommandAnswer(int ExitCode, string Output, string Talk)
{
    public ReasonCode Reason => (ReasonCode)ExitCode;
}

/// <summary>
/// A real site in a directory of its own, used as an operator uses it: through the built `lifeboat` command alone, as
/// separate processes. Kills are by the pid in the site's pid files.
/// </summary>
public sealed class FieldSite(string name, string directory) : IAsyncDisposable
{
    private static readonly string[] Roles = ["watchdog", "controller", "agent"];
    private readonly List<FieldSite> _paired = [];

    public string Name => name;
    public string Directory => directory;
    public SitePaths Paths { get; } = new(directory);
    /// <summary>The `lifeboat.dll` that is run: this build's, or another release's.</summary>
    public string Command { get; set; } = BuiltCommand;

    public Task InitAsync(CancellationToken ct) => InitAsync([], ct);

    /// <param name="options">Further options of `site init`.</param>
    public async Task InitAsync(IEnumerable<string> options, CancellationToken ct)
    {
        await MustAsync(["site", "init", "--name", name, "--controller-listen", $"127.0.0.1:{FreePort.Next()}",
            "--link-listen", $"127.0.0.1:{FreePort.Next()}", .. options], ct);
    }

    public Task StartAsync(CancellationToken ct) => MustAsync(["site", "start"], ct);

    /// <summary>One more controller of the site, which starts; used as the site is.</summary>
    public async Task<FieldSite> AddControllerAsync(string controller, CancellationToken ct)
    {
        await MustAsync(["controller", "add", controller, "--listen", $"127.0.0.1:{FreePort.Next()}"], ct);
        var added = new FieldSite(name, Paths.OfController(controller).Root);
        await added.StartAsync(ct);
        return added;
    }

    public async Task PairWithAsync(FieldSite other, CancellationToken ct)
    {
        var token = (await other.MustAsync(["site", "token"], ct)).Trim();
        await MustAsync(["site", "pair", token], ct);
        _paired.Add(other);
    }

    public async Task<CommandAnswer> RunAsync(IEnumerable<string> arguments, CancellationToken ct)
    {
        var command = await HostCommand.RunAsync("dotnet", [Command, "-d", directory, .. arguments], ct);
        return new CommandAnswer(command.ExitCode, command.Output, command.Errors);
    }

    /// <exception cref="FieldException">It did not end with 0.</exception>
    public async Task<string> MustAsync(IReadOnlyList<string> arguments, CancellationToken ct)
    {
        var answer = await RunAsync(arguments, ct);
        return answer.ExitCode == 0 ? answer.Output : throw new FieldException(
            $"site {name}: lifeboat {string.Join(' ', arguments)} ended with {answer.ExitCode}: {answer.Talk.Trim()}\n"
            + string.Join('\n', Warnings().Concat(_paired.SelectMany(p => p.Warnings()))));
    }

    /// <summary>The last warnings in the logs of its processes: the site is gone when anybody asks why.</summary>
    public IReadOnlyList<string> Warnings() =>
    [
        .. from role in Roles
           let log = Paths.LogFile(role)
           where File.Exists(log)
           from line in File.ReadLines(log).Where(l => l.Contains(" warn: ") || l.Contains(" fail: ")).TakeLast(12)
           select $"  {name} {role}: {line}",
    ];

    public async Task<T> AskAsync<T>(IEnumerable<string> arguments, CancellationToken ct) =>
        JsonSerializer.Deserialize<T>(await MustAsync([.. arguments, "-o", "json"], ct), ContractJson.Options)!;

    public static bool IsProtected(GroupInfo group) => group.State == GroupState.Protected
        && group.NewestPoint is not null && group.Source is null or { Phase: SourcePhase.Streaming };

    /// <summary>Asks for a group until something holds of it.</summary>
    /// <exception cref="FieldException">It did not within the limit; says what the site said last.</exception>
    public async Task<GroupInfo> UntilGroupAsync(string group, Func<GroupInfo, bool> holds, TimeSpan limit,
        TimeProvider time, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var answer = await RunAsync(["group", "get", group, "-o", "json"], ct);
            var found = answer.ExitCode == 0
                ? JsonSerializer.Deserialize<GroupInfo>(answer.Output, ContractJson.Options) : null;
            if (found is not null && holds(found)) return found;
            if (time.GetElapsedTime(start) > limit)
                throw new FieldException($"not within {limit.TotalSeconds:0} s; site {name} says " + (found is null
                    ? answer.Talk : $"{found.State}, {found.Reason}, {found.Detail}, {found.Source?.Phase} "
                        + $"{found.Source?.Reason} {found.Source?.Detail}")
                    + $"\n{string.Join('\n', Warnings())}");
            await Task.Delay(TimeSpan.FromMilliseconds(300), time, ct);
        }
    }

    /// <summary>The pid of `watchdog`, `controller` or `agent`; null when it does not run.</summary>
    public int? ProcessOf(string role)
    {
        var file = Paths.PidFile(role);
        if (!File.Exists(file)) return null;
        var first = File.ReadAllText(file).Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return int.TryParse(first, CultureInfo.InvariantCulture, out var pid) && IsOurs(pid) ? pid : null;
    }

    /// <summary>kill -9 of one process of the site; false when it was not there.</summary>
    public bool Kill(string role) => Signal(role, "KILL");

    public bool Signal(string role, string signal) => ProcessOf(role) is { } pid && SignalPid(pid, signal);

    /// <summary>The disaster: every process of the site at once, its instances included, nothing orderly.</summary>
    public void KillEverything()
    {
        foreach (var role in Roles) Kill(role);
        // Between the kills a survivor may have started another one again.
        foreach (var pid in ProcessesOfSite()) SignalPid(pid, "KILL");
        foreach (var pid in ProcessesOfSite()) SignalPid(pid, "KILL");
    }

    /// <summary>All processes that name the site's directory on their command line, except callers of the
    /// command.</summary>
    public IReadOnlyList<int> ProcessesOfSite() =>
    [
        .. from folder in System.IO.Directory.EnumerateDirectories("/proc")
           let text = Path.GetFileName(folder)
           where int.TryParse(text, CultureInfo.InvariantCulture, out _)
           let pid = int.Parse(text, CultureInfo.InvariantCulture)
           where pid != Environment.ProcessId && CommandLine(pid).Contains(directory + "/", StringComparison.Ordinal)
           || CommandLine(pid).EndsWith(directory + "\0", StringComparison.Ordinal)
           select pid,
    ];

    public async ValueTask DisposeAsync()
    {
        if (System.IO.Directory.Exists(directory))
            await RunAsync(["site", "stop", "--with-instances"], CancellationToken.None);
        var namespaces = await NamespacesAsync();
        KillEverything();
        foreach (var name in namespaces)
            await HostCommand.RunAsync("ip", ["netns", "del", name], CancellationToken.None);
    }

    /// <summary>Those that a killed site could not remove: its processes are in them.</summary>
    private async Task<IReadOnlySet<string>> NamespacesAsync()
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        foreach (var pid in ProcessesOfSite())
        {
            var told = await HostCommand.RunAsync("ip", ["netns", "identify", $"{pid}"], CancellationToken.None);
            if (told.Output.Trim() is { Length: > 0 } name) found.Add(name);
        }
        return found;
    }

    private bool IsOurs(int pid) => CommandLine(pid).Contains(directory, StringComparison.Ordinal);

    private static string CommandLine(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";   // it ended between listing and reading
        }
    }

    /// <summary>False: there is no such process any more.</summary>
    public static bool SignalPid(int pid, string signal)
    {
        using var kill = Process.Start("kill", ["-" + signal, pid.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
        return kill.ExitCode == 0;
    }

    /// <summary>The command as built in the same configuration as the running test.</summary>
    public static string BuiltCommand { get; } = FindCommand();

    private static string FindCommand()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        var configuration = here.FullName.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";
        while (here is not null && !File.Exists(Path.Combine(here.FullName, "Lifeboat.slnx"))) here = here.Parent;
        var root = here?.FullName ?? throw new FieldException("not inside the source tree");
        return Path.Combine(root, "src/Lifeboat.Cli/bin", configuration, "net10.0/lifeboat.dll");
    }
}

public sealed class FieldException(string message, Exception? cause = null) : Exception(message, cause);
