// SPDX-License-Identifier: Apache-2.0
using System.Xml.Linq;

namespace Lifeboat.Tests.Tidy;

/// <summary>The arrows of docs/ARCHITECTURE.md: who may reference whom, and where a driver may be named.</summary>
public sealed class DependencyTests
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Protection"] = [],
        ["Nbd"] = [],
        ["Appliance"] = ["Nbd"],
        ["Qemu"] = [],
        ["Journaling"] = ["Protection"],
        ["Replication"] = ["Journaling"],
        ["Volumes"] = ["Nbd", "Qemu", "Replication"],
        ["Contracts"] = ["Protection"],
        ["Quiescing"] = ["Protection", "Qemu"],
        ["Sites"] = ["Contracts", "Nbd", "Qemu"],
        ["Recovery"] = ["Sites"],
        ["Controller"] = ["Recovery", "Quiescing"],
        ["Agent"] = ["Volumes", "Contracts", "Nbd", "Qemu", "Quiescing"],
        ["Cli"] = ["Controller", "Agent"],
    };

    [Fact]
    public void Projects_reference_only_what_the_architecture_allows()
    {
        var found = Projects("src").ToDictionary(Short, References);
        Assert.Equal(Allowed.Keys.Order(), found.Keys.Order());
        foreach (var (project, references) in found)
            Assert.Empty(references.Except(Allowed[project]).Select(r => $"{project} must not reference {r}"));
    }

    [Fact]
    public void Packages_are_pinned_centrally_and_locked()
    {
        foreach (var project in Projects("."))
        {
            var packages = XDocument.Load(project).Descendants("PackageReference");
            Assert.DoesNotContain(packages, p => p.Attribute("Version") is not null);
            var lockFile = Path.Combine(Path.GetDirectoryName(project)!, "packages.lock.json");
            Assert.True(File.Exists(lockFile), $"{project}: no lock file");
        }
    }

    /// <summary>A driver is one folder with its README, and a conformance test in the matching folder.</summary>
    [Theory]
    [InlineData("src/Lifeboat.Sites")]
    [InlineData("src/Lifeboat.Volumes")]
    [InlineData("src/Lifeboat.Quiescing")]
    public void A_driver_is_one_folder(string project)
    {
        foreach (var folder in Directory.EnumerateDirectories(Path.Combine(SourceTree.Root, project)))
        {
            var name = Path.GetFileName(folder);
            if (name is "obj" or "bin") continue;
            Assert.True(File.Exists(Path.Combine(folder, "README.md")), $"{project}/{name}: no README.md");
            Assert.Contains(SourceTree.CSharp, f => f.IsUnder("tests") && f.Path.Contains($"/{name}/")
                && f.Path.EndsWith("Conformance.cs", StringComparison.Ordinal));
        }
    }

    /// <summary>A plan step and a command are one file each, named as the type.</summary>
    [Theory]
    [InlineData("src/Lifeboat.Recovery/Steps", "[Step(")]
    [InlineData("src/Lifeboat.Cli/Commands", ": Command(")]
    public void A_step_and_a_command_are_one_file(string folder, string marker)
    {
        var files = SourceTree.CSharp.Where(f => f.IsUnder(folder)).ToList();
        Assert.NotEmpty(files);
        foreach (var file in files)
        {
            var count = file.Lines.Count(l => l.Contains(marker, StringComparison.Ordinal));
            Assert.True(count <= 1, $"{file.Path}: {count} in one file");
        }
    }

    [Fact]
    public void Log_event_ids_are_unique()
    {
        var ids = SourceTree.CSharp
            .Where(f => f.IsUnder("src") && f.Path.EndsWith("EventIds.cs", StringComparison.Ordinal))
            .SelectMany(f => f.Lines)
            .Where(l => l.Contains("const int", StringComparison.Ordinal))
            .Select(l => l.Split('=')[1].Trim(' ', ';'))
            .ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
    }

    private static string[] References(string project) =>
    [
        .. XDocument.Load(project).Descendants("ProjectReference")
            .Select(r => Short(r.Attribute("Include")!.Value.Replace('\\', '/'))),
    ];

    private static IEnumerable<string> Projects(string folder) =>
        Directory.EnumerateFiles(Path.Combine(SourceTree.Root, folder), "*.csproj", SearchOption.AllDirectories);

    private static string Short(string project) => Path.GetFileNameWithoutExtension(project)["Lifeboat.".Length..];
}
