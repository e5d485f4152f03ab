// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;

namespace Lifeboat.Tests.Tidy;

/// <summary>Style is executable: every finding names the file, the line and what to do instead.</summary>
public sealed partial class TidyTests
{
    private static readonly (string Banned, string UseInstead)[] Bans =
    [
        ("DateTimeOffset.UtcNow", "the injected TimeProvider"),
        ("DateTimeOffset.Now", "the injected TimeProvider"),
        ("DateTime.UtcNow", "the injected TimeProvider"),
        ("DateTime.Now", "the injected TimeProvider"),
        ("Thread.Sleep(", "a wait armed on the TimeProvider"),
        (".GetAwaiter().GetResult()", "await"),
        ("ConfigureAwait(false)", "a plain await; it escapes the simulator's scheduler"),
        ("new Random(", "the seeded Prng"),
        ("#region", "a smaller file"),
        ("async void", "async Task"),
        ("NotImplementedException", "the implementation"),
        ("NotSupportedException", "a capability interface"),
    ];

    private static readonly string[] EngineFolders =
        ["src/Lifeboat.Journaling", "src/Lifeboat.Replication", "src/Lifeboat.Recovery"];
    private static readonly string[] SoupNames = ["Manager", "Helper", "Service", "Util", "Utils"];

    [Fact]
    public void Source_uses_no_banned_word() => AssertNone(
        from file in Sources()
        from line in file.Code()
        from ban in Bans
        where line.Code.Contains(ban.Banned, StringComparison.Ordinal)
        select $"{file.Path}:{line.Number}: {ban.Banned}: use {ban.UseInstead}");

    [Fact]
    public void Engine_stays_on_the_simulators_scheduler() => AssertNone(
        from file in Sources()
        where EngineFolders.Any(file.IsUnder)
        from line in file.Code()
        where line.Code.Contains("Task.Run(", StringComparison.Ordinal)
            || line.Code.Contains("new Thread(", StringComparison.Ordinal)
            || line.Code.Contains("Guid.NewGuid(", StringComparison.Ordinal)
            || line.Code.Contains("TimeProvider.System", StringComparison.Ordinal)
        select $"{file.Path}:{line.Number}: threads, random ids and the real clock live behind ports");

    [Fact]
    public void Files_are_short_and_narrow() => AssertNone(
        SourceTree.CSharp.Where(f => f.Lines.Length > 500)
            .Select(f => $"{f.Path}: {f.Lines.Length} lines; the stop is 500")
        .Concat(
            from file in SourceTree.CSharp
            from index in Enumerable.Range(0, file.Lines.Length)
            where file.Lines[index].Length > 120
            select $"{file.Path}:{index + 1}: {file.Lines[index].Length} columns; the stop is 120"));

    [Fact]
    public void Methods_are_at_most_70_lines() => AssertNone(
        from file in SourceTree.CSharp
        from method in MethodLengths(file)
        where method.Length > 70
        select $"{file.Path}:{method.Line}: a block of {method.Length} lines; the stop for a method is 70");

    [Fact]
    public void Every_file_begins_with_its_licence_and_a_file_scoped_namespace() => AssertNone(
        SourceTree.CSharp.Where(f => f.Lines.Length == 0 || f.Lines[0] != "// SPDX-License-Identifier: Apache-2.0")
            .Select(f => $"{f.Path}: first line must be the SPDX line")
        .Concat(SourceTree.CSharp.Where(f => f.Lines.Any(l => BlockNamespace().IsMatch(l)))
            .Select(f => $"{f.Path}: use a file-scoped namespace")));

    [Fact]
    public void Classes_are_sealed_unless_meant_as_a_base() => AssertNone(
        from file in Sources()
        from line in file.Code()
        // The runtime derives from a proxy: it can be neither sealed nor abstract.
        where OpenClass().IsMatch(line.Code) && !line.Code.Contains(": DispatchProxy", StringComparison.Ordinal)
        select $"{file.Path}:{line.Number}: seal it, or make it abstract or static: {line.Code.Trim()}");

    [Fact]
    public void Types_are_named_for_the_domain() => AssertNone(
        from file in Sources()
        from line in file.Code()
        let match = TypeName().Match(line.Code)
        where match.Success && SoupNames.Any(n => match.Groups[1].Value.EndsWith(n, StringComparison.Ordinal))
        select $"{file.Path}:{line.Number}: {match.Groups[1].Value} says nothing; name the thing");

    [Fact]
    public void Every_interface_has_two_implementers_counting_doubles()
    {
        var all = string.Join('\n', SourceTree.CSharp.SelectMany(f => f.Lines));
        AssertNone(
            from file in Sources()
            from line in file.Code()
            let match = InterfaceName().Match(line.Code)
            where match.Success
            let name = match.Groups[1].Value
            let implementers = Implementer(name).Matches(all).Count
            where implementers < 2
            select $"{file.Path}:{line.Number}: {name} has {implementers} implementer(s); use the class itself");
    }

    [Fact]
    public void Async_methods_take_a_token_last_without_default() => AssertNone(
        from file in Sources()
        from line in file.Code()
        where line.Code.Contains("CancellationToken ct = default", StringComparison.Ordinal)
        select $"{file.Path}:{line.Number}: a token has no default");

    private static IEnumerable<SourceFile> Sources() => SourceTree.CSharp.Where(f => f.IsUnder("src"));

    private static void AssertNone(IEnumerable<string> findings)
    {
        var all = findings.ToList();
        Assert.True(all.Count == 0, $"{all.Count} finding(s):\n" + string.Join('\n', all.Take(60)));
    }

    /// <summary>Members of a top-level type: from the line that opens the brace to its close.</summary>
    private static IEnumerable<(int Line, int Length)> MethodLengths(SourceFile file)
    {
        for (var i = 0; i < file.Lines.Length; i++)
        {
            if (file.Lines[i] != "    {") continue;
            var end = Array.FindIndex(file.Lines, i, l => l is "    }" or "    };");
            if (end > i && !OpensType(file.Lines, i)) yield return (i, end - i + 1);
        }
    }

    private static bool OpensType(string[] lines, int brace)
    {
        for (var i = brace - 1; i >= 0 && lines[i].Length > 0; i--)
            if (TypeName().IsMatch(lines[i])) return true;
        return false;
    }

    private static Regex Implementer(string name) =>
        new($@"(?:class|record|struct)\s+\w+[^;{{]*?[:,]\s*(?:\w+\.)*{name}\b", RegexOptions.CultureInvariant);

    [GeneratedRegex(@"^\s*namespace\s+[\w.]+\s*\{?\s*$")]
    private static partial Regex BlockNamespace();

    [GeneratedRegex(@"^\s*(?:public|internal|private|protected)\s+(?:partial\s+)?class\s")]
    private static partial Regex OpenClass();

    [GeneratedRegex(@"\b(?:class|struct|interface|enum|record)\s+(?:class\s+|struct\s+)?([A-Z]\w*)")]
    private static partial Regex TypeName();

    [GeneratedRegex(@"^\s*(?:public|internal)\s+(?:partial\s+)?interface\s+(I[A-Z]\w*)")]
    private static partial Regex InterfaceName();
}
