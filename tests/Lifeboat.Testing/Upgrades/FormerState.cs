// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Testing.Upgrades;

/// <summary>
/// Two sites as a former release left them, killed in the middle of everything: tests/fixtures/upgrade, where `make`
/// says how they were made and what is in them. Unpacked into a temporary directory.
/// </summary>
public sealed class FormerState : IDisposable
{
    private FormerState(string directory) => Directory = directory;

    /// <summary>Has `a` and `b`, and `b.sql` where b's database was one of PostgreSQL.</summary>
    public string Directory { get; }

    public SitePaths A => new(Path.Combine(Directory, "a"));
    public SitePaths B => new(Path.Combine(Directory, "b"));

    /// <param name="commit">The release that wrote it.</param>
    public static async Task<FormerState> UnpackAsync(string commit, CancellationToken ct)
    {
        var state = new FormerState(System.IO.Directory.CreateTempSubdirectory("lb-former").FullName);
        await HostCommand.MustAsync("tar", ["-xzf", Archive(commit), "-C", state.Directory], ct);
        return state;
    }

    /// <summary>Statements that make b's database in PostgreSQL.</summary>
    public string Sql() => File.ReadAllText(Path.Combine(Directory, "b.sql"));

    /// <summary>Files and folders of one site, into the directory of another one.</summary>
    public static void Copy(SitePaths from, SitePaths to, params string[] what)
    {
        foreach (var name in what)
        {
            var path = Path.Combine(from.Root, name);
            if (System.IO.Directory.Exists(path))
                foreach (var file in System.IO.Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories))
                    CopyFile(file, Path.Combine(to.Root, Path.GetRelativePath(from.Root, file)));
            else if (File.Exists(path)) CopyFile(path, Path.Combine(to.Root, name));
        }
    }

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);

    private static void CopyFile(string from, string to)
    {
        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        File.Copy(from, to, overwrite: true);
    }

    private static string Archive(string commit)
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        while (here is not null && !File.Exists(Path.Combine(here.FullName, "Lifeboat.slnx"))) here = here.Parent;
        return Path.Combine(here?.FullName ?? throw new OracleException(OracleFault.ToolMissing,
            "not inside the source tree"), "tests/fixtures/upgrade", commit + ".tar.gz");
    }
}
