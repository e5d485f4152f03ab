// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Storage.Care;
using Lifeboat.Protection;

namespace Lifeboat.Controller;

/// <summary>Looking after a site's database by hand: `lifeboat db …`. Works without a controller.</summary>
public static class DatabaseCare
{
    /// <summary>May be done while controllers run.</summary>
    /// <exception cref="ProblemException">SiteUnknown; DatabaseUnavailable.</exception>
    public static DatabaseState Check(string siteDirectory, TimeProvider time)
    {
        using var database = Open(siteDirectory, time, out _, out _);
        var (faults, schema, documents) = DatabaseCheck.Run(database);
        return new DatabaseState(database.Engine, database.Place, schema, documents, faults);
    }

    /// <summary>Writes one moment of it to a new file, 0600; may be done while controllers run.</summary>
    /// <exception cref="ProblemException">SiteUnknown; DatabaseUnavailable; Conflict: the file exists.</exception>
    public static DatabaseCopy Backup(string siteDirectory, string file, TimeProvider time)
    {
        using var database = Open(siteDirectory, time, out _, out var site);
        if (File.Exists(file))
            throw new ProblemException(ReasonCode.Conflict, $"{file} exists", "Name another file.");
        var aside = file + ".part";
        var options = new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        long rows;
        using (var stream = new FileStream(aside, options))
        {
            rows = BackupWriter.Write(database, stream, site.Name, time.GetUtcNow());
            stream.Flush(flushToDisk: true);
        }
        File.Move(aside, file);
        return new DatabaseCopy(database.Engine, database.Place, file, rows);
    }

    /// <summary>Fills it from a backup, wholly or not at all; no controller of the site may run.</summary>
    /// <param name="replace">What is there is dropped; else it must be empty.</param>
    /// <exception cref="ProblemException">SiteUnknown; DatabaseUnavailable; InvalidRequest; Conflict.</exception>
    /// <param name="commit">Called when all is filled in and nothing is kept yet; what it throws undoes all.</param>
    public static DatabaseCopy Restore(string siteDirectory, string file, bool replace, TimeProvider time,
        Action? commit = null)
    {
        using var database = Open(siteDirectory, time, out var paths, out var site);
        using var alone = ControllerHost.TakeLock(paths);
        ThrowIfUsed(database);
        long rows;
        using (var stream = File.OpenRead(file))
            rows = new BackupReader(database, site.Name).Restore(stream, replace, commit);
        // The definitions as files are those of the database.
        var files = new GroupFiles(paths);
        foreach (var group in new GroupStore(database, files).All()) files.Write(group);
        foreach (var replica in new SpecStore(database, files).Replicas()) files.Write(replica);
        return new DatabaseCopy(database.Engine, database.Place, file, rows);
    }

    private static void ThrowIfUsed(ControllerDatabase database)
    {
        using var connection = database.Open();
        if (!database.Tables(connection, null).Contains("controllers")) return;
        var living = connection.Query<string>(
            $"SELECT name FROM controllers WHERE expires_at > {database.Now} ORDER BY name").ToList();
        if (living.Count > 0)
            throw new ProblemException(ReasonCode.Conflict, $"the database {database.Place} is in use",
                $"Controllers run: {string.Join(", ", living)}. Stop them with `site stop` first.");
    }

    private static ControllerDatabase Open(string siteDirectory, TimeProvider time, out SitePaths paths,
        out SiteConfiguration site)
    {
        paths = new SitePaths(Path.GetFullPath(siteDirectory)).OfSite();
        site = SiteConfiguration.Read(paths.Root);
        return SiteDatabase.Open(paths, site, time, migrate: false);
    }
}

/// <param name="Engine">`SQLite` or `PostgreSQL`.</param>
/// <param name="Schema">Version of its schema.</param>
/// <param name="Documents">How many were read.</param>
/// <param name="Faults">All that were found; empty: it is sound.</param>
public sealed record DatabaseState(string Engine, string Place, long Schema, long Documents,
    IReadOnlyList<string> Faults);

/// <param name="Rows">Rows written to, or read from, the file.</param>
public sealed record DatabaseCopy(string Engine, string Place, string File, long Rows);
