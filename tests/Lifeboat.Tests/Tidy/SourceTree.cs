// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;

namespace Lifeboat.Tests.Tidy;

/// <summary>The files of the repository, read once for all tidy tests.</summary>
internal sealed record SourceFile(string Path, string[] Lines)
{
    public bool IsUnder(string folder) => Path.StartsWith(folder + "/", StringComparison.Ordinal);

    /// <summary>Lines with comments and string contents blanked, so that rules look at code alone.</summary>
    public IEnumerable<(int Number, string Code)> Code()
    {
        for (var i = 0; i < Lines.Length; i++)
        {
            var comment = Lines[i].IndexOf("//", StringComparison.Ordinal);
            yield return (i + 1, comment >= 0 ? Lines[i][..comment] : Lines[i]);
        }
    }
}

internal static class SourceTree
{
    public static readonly string Root = FindRoot();
    public static readonly IReadOnlyList<SourceFile> CSharp = Load();

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Lifeboat.slnx")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new UnreachableException("tests run inside the repository");
    }

    private static List<SourceFile> Load() =>
    [
        .. from folder in new[] { "src", "tests", "bench", "kit" }
           let path = Path.Combine(Root, folder)
           where Directory.Exists(path)
           from file in Directory.EnumerateFiles(path, "*.cs", SearchOption.AllDirectories)
           let relative = Path.GetRelativePath(Root, file).Replace('\\', '/')
           where !relative.Contains("/obj/") && !relative.Contains("/bin/")
           orderby relative
           select new SourceFile(relative, File.ReadAllLines(file)),
    ];
}
