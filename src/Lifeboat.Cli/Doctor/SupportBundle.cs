// SPDX-License-Identifier: Apache-2.0
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Cli.Doctor;

/// <summary>
/// A gzipped tar (POSIX.1-2001 pax) for whoever helps, mode 0600. Everything in it went through
/// <see cref="Redaction"/>; no disk content, no key and no database is taken in.
/// </summary>
internal sealed class SupportBundle(SitePaths paths, Redaction redaction, TimeProvider time)
{
    /// <summary>Of each log the end, bytes.</summary>
    public const int LogBytes = 4 << 20;
    private const int FilesListed = 5000;

    private readonly List<(string Name, string Text)> _entries = [];

    public int Entries => _entries.Count;

    public void Add(string name, string text) => _entries.Add((name, redaction.Apply(text)));

    public void Add<T>(string name, T value) =>
        Add(name, JsonSerializer.Serialize(value, value!.GetType(), ContractJson.Indented));

    /// <summary>Settings, logs, and names and sizes of what is in the site's directory.</summary>
    public void AddSite()
    {
        foreach (var file in new[] { paths.Configuration, paths.AgentFile, paths.ControllerFile }.Where(File.Exists))
            Add(Path.GetFileName(file), File.ReadAllText(file));
        if (Directory.Exists(paths.Logs))
            foreach (var log in Directory.EnumerateFiles(paths.Logs).Order(StringComparer.Ordinal))
                Add($"logs/{Path.GetFileName(log)}", EndOf(log));
        Add("files.txt", Listing());
        foreach (var file in new[] { "/etc/os-release", "/proc/meminfo", "/proc/loadavg", "/proc/version" })
            if (File.Exists(file)) Add($"system{file}", File.ReadAllText(file));
    }

    /// <exception cref="IOException">It cannot be written; or a file of this name is there.</exception>
    public void Write(string path)
    {
        var created = time.GetUtcNow();
        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew, Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        using var packed = new GZipStream(file, CompressionLevel.Optimal);
        using var tar = new TarWriter(packed, TarEntryFormat.Pax);
        foreach (var (name, text) in _entries)
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name)
            {
                DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)), ModificationTime = created,
                Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
    }

    private static string EndOf(string path)
    {
        using var log = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var skipped = Math.Max(0, log.Length - LogBytes);
        log.Position = skipped;
        using var reader = new StreamReader(log, Encoding.UTF8);
        // A line that is cut in two could hide half of a secret from the redaction.
        if (skipped > 0) reader.ReadLine();
        return (skipped > 0 ? $"({skipped} bytes before this are left out)\n" : "") + reader.ReadToEnd();
    }

    private string Listing()
    {
        var text = new StringBuilder();
        var options = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true };
        foreach (var file in new DirectoryInfo(paths.Root).EnumerateFiles("*", options).Take(FilesListed)
            .OrderBy(f => f.FullName, StringComparer.Ordinal))
            text.Append(Path.GetRelativePath(paths.Root, file.FullName)).Append('\t').Append(Size(file)).Append('\t')
                .Append(Show.Time(file.LastWriteTimeUtc)).Append('\n');
        return text.ToString();
    }

    // What is at work comes and goes while it is looked at.
    private static string Size(FileInfo file)
    {
        try
        {
            return file.Length.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (FileNotFoundException)
        {
            return "gone";
        }
    }
}
