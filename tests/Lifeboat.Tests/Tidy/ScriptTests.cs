// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;

namespace Lifeboat.Tests.Tidy;

/// <summary>Scripts have their licence on top, can be run, and are sentences of their language.</summary>
public sealed class ScriptTests
{
    private const string Licence = "# SPDX-License-Identifier: Apache-2.0";

    private static readonly IReadOnlyList<string> Scripts = [.. Candidates().Where(f => Interpreter(f) is not null)];

    [Fact]
    public void Scripts_begin_with_their_licence()
    {
        Assert.True(Scripts.Count > 40, $"found {Scripts.Count} scripts");
        AssertNone(
            from file in Scripts
            where !File.ReadLines(file).Take(2).Contains(Licence)
            select $"{file}: one of the first two lines must be the SPDX line");
    }

    [Fact]
    public void Scripts_can_be_run() => AssertNone(
        from file in Scripts
        where File.ReadLines(file).First().StartsWith("#!", StringComparison.Ordinal)
            && !File.GetUnixFileMode(file).HasFlag(UnixFileMode.UserExecute)
        select $"{file}: says what runs it and is not executable");

    [Fact]
    public void Scripts_parse() => AssertNone(
        from file in Scripts
        let fault = Fault(file)
        where fault.Length > 0
        select fault);

    private static void AssertNone(IEnumerable<string> findings)
    {
        var all = findings.ToList();
        Assert.True(all.Count == 0, string.Join('\n', all));
    }

    private static IEnumerable<string> Candidates() =>
        Directory.EnumerateFiles(SourceTree.Root)
            .Concat(Directory.EnumerateFiles(Path.Combine(SourceTree.Root, "kit"), "*", SearchOption.AllDirectories))
            .Where(f => !f.Contains("/bin/Release/", StringComparison.Ordinal)
                && !f.Contains("/bin/Debug/", StringComparison.Ordinal)
                && !f.Contains("/obj/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    /// <summary>Null for what is no script.</summary>
    private static string? Interpreter(string file) => Path.GetExtension(file) switch
    {
        ".py" => "python3",
        ".sh" => "bash",
        ".cs" or ".csproj" or ".json" or ".md" or ".c" or ".h" => null,
        _ => File.ReadLines(file).FirstOrDefault() switch
        {
            "#!/bin/bash" => "bash",
            "#!/bin/sh" or "#!/bin/busybox sh" => "sh",
            _ => null,
        },
    };

    private static string Fault(string file)
    {
        var interpreter = Interpreter(file)!;
        string[] arguments = interpreter == "python3"
            ? ["-c", "import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])", file]
            : ["-n", file];
        using var check = Process.Start(new ProcessStartInfo(interpreter, arguments) { RedirectStandardError = true })!;
        var said = check.StandardError.ReadToEnd();
        check.WaitForExit();
        return check.ExitCode == 0 ? "" : $"{file}: {said}";
    }
}
