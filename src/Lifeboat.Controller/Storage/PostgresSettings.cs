// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Npgsql;

namespace Lifeboat.Controller.Storage;

/// <summary>`database` of site.json as Npgsql takes it: a URL as psql knows it, or Npgsql's own keywords.</summary>
internal static partial class PostgresSettings
{
    // Names of libpq that Npgsql has under another one; all others are passed on as they are.
    private static readonly Dictionary<string, string> Names = new(StringComparer.OrdinalIgnoreCase)
    {
        ["dbname"] = "Database",
        ["user"] = "Username",
        ["sslmode"] = "SSL Mode",
        ["sslrootcert"] = "Root Certificate",
        ["sslcert"] = "SSL Certificate",
        ["sslkey"] = "SSL Key",
        ["connect_timeout"] = "Timeout",
        ["application_name"] = "Application Name",
        ["search_path"] = "Search Path",
    };

    /// <param name="passwordFile">Null: none is needed, or the server takes it from elsewhere.</param>
    /// <exception cref="ProblemException">InvalidRequest, with all faults.</exception>
    public static NpgsqlConnectionStringBuilder Read(string database, string? passwordFile)
    {
        var (settings, faults) = Parse(database);
        if (passwordFile is not null && PasswordOf(passwordFile, faults) is { } password) settings.Password = password;
        if (faults.Count > 0)
            throw new ProblemException(
                ReasonCode.InvalidRequest, "the site's database cannot be used so", null, faults);
        // Beats of several controllers and a page of statuses: few connections do, and the server has a hundred.
        if (!settings.ContainsKey("Maximum Pool Size")) settings.MaxPoolSize = 30;
        if (!settings.ContainsKey("Timeout")) settings.Timeout = 3;
        if (!settings.ContainsKey("Application Name")) settings.ApplicationName = "lifeboat";
        settings.TcpKeepAlive = true;
        return settings;
    }

    /// <summary>All that is wrong with the setting itself; nobody is asked.</summary>
    public static IReadOnlyList<string> Problems(string database) => Parse(database).Faults;

    private static (NpgsqlConnectionStringBuilder Settings, List<string> Faults) Parse(string database)
    {
        var faults = new List<string>();
        var settings = database.Contains("://", StringComparison.Ordinal)
            ? OfUrl(database, faults) : OfKeywords(database, faults);
        if (settings.Password is not null)
            faults.Add("database: a password does not belong into site.json; write it to a file and name that as "
                + "databasePasswordFile");
        if (settings.Host is null) faults.Add("database: no host is named, nor the directory of a socket");
        if (settings.Database is null) faults.Add("database: no database is named");
        if (settings.Username is null) faults.Add("database: no user is named");
        return (settings, faults);
    }

    // By hand: without a host (a socket's directory is an option then) it is no URL to .NET.
    private static NpgsqlConnectionStringBuilder OfUrl(string database, List<string> faults)
    {
        var settings = new NpgsqlConnectionStringBuilder();
        var match = Url().Match(database);
        if (!match.Success)
        {
            faults.Add("database: this is no URL as postgresql://USER@HOST:PORT/DATABASE?OPTION=VALUE");
            return settings;
        }
        string? Part(string name) => match.Groups[name] is { Success: true, Length: > 0 } part
            ? Uri.UnescapeDataString(part.Value) : null;
        if (Part("user") is { } user) settings.Username = user;
        if (Part("password") is { } password) settings.Password = password;
        if (Part("host") is { } host) settings.Host = host.Trim('[', ']');
        if (Part("port") is { } port) Set(settings, "Port", port, faults);
        if (Part("database") is { } name) settings.Database = name;
        foreach (var option in match.Groups["options"].Value.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = option.Split('=', 2);
            Set(settings, Uri.UnescapeDataString(parts[0]), Uri.UnescapeDataString(parts.ElementAtOrDefault(1) ?? ""),
                faults);
        }
        return settings;
    }

    private static NpgsqlConnectionStringBuilder OfKeywords(string database, List<string> faults)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(database);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException)
        {
            faults.Add($"database: {e.Message}");
            return [];
        }
    }

    private static void Set(NpgsqlConnectionStringBuilder settings, string name, string value, List<string> faults)
    {
        try
        {
            // verify-full is VerifyFull to Npgsql.
            settings[Names.GetValueOrDefault(name, name)] = name.Equals("sslmode", StringComparison.OrdinalIgnoreCase)
                ? value.Replace("-", "", StringComparison.Ordinal) : value;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException)
        {
            faults.Add($"database: option {name}: {e.Message}");
        }
    }

    private static string? PasswordOf(string file, List<string> faults)
    {
        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
            | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        try
        {
            if ((File.GetUnixFileMode(file) & others) == 0) return File.ReadAllText(file).TrimEnd('\r', '\n');
            faults.Add($"databasePasswordFile: {file} can be read by others than its owner: chmod 600 {file}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            faults.Add($"databasePasswordFile: {e.Message}");
        }
        return null;
    }

    [GeneratedRegex("^postgres(?:ql)?://(?:(?<user>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?"
        + @"(?<host>\[[^\]/?]*\]|[^:/?]*)(?::(?<port>[0-9]+))?(?:/(?<database>[^?]*))?(?:\?(?<options>.*))?$",
        RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex Url();
}

/// <summary>Opens the database that a site is configured with.</summary>
internal static class SiteDatabase
{
    /// <param name="migrate">False: as it is, to look at or to fill.</param>
    /// <exception cref="ProblemException">As <see cref="PostgresDatabase"/>.</exception>
    public static ControllerDatabase Open(SitePaths paths, SiteConfiguration site, TimeProvider time,
        bool migrate = true)
    {
        var database = Connect(paths, site, time, migrate);
        if (!migrate) return database;
        try
        {
            Claim(database, site.Name);
            return database;
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    private static ControllerDatabase Connect(SitePaths paths, SiteConfiguration site, TimeProvider time, bool migrate)
    {
        if (site.Database is not { } database)
        {
            if (site.Controller == ControllerConfiguration.DefaultName)
                return new SqliteDatabase(paths.ControllerDatabase, migrate);
            throw new ProblemException(ReasonCode.Conflict,
                $"site {site.Name} has its database in a SQLite file, which serves one controller",
                $"Controller {site.Controller} can start when `database` is in {paths.Configuration} again.");
        }
        var password = site.DatabasePasswordFile is { } file ? Path.Combine(paths.Root, file) : null;
        return new PostgresDatabase(PostgresSettings.Read(database, password), time, migrate);
    }

    // Two sites that were given one database by mistake would each act on what the other was told.
    private static void Claim(ControllerDatabase database, string site)
    {
        using var connection = database.Open();
        connection.Execute("INSERT INTO facts(name, value) VALUES('site', @site) ON CONFLICT(name) DO NOTHING",
            new { site });
        var owner = connection.QuerySingle<string>("SELECT value FROM facts WHERE name = 'site'");
        if (owner != site)
            throw new ProblemException(ReasonCode.Conflict, $"the database {database.Place} is that of site {owner}",
                $"Give site {site} a database of its own.");
    }
}
