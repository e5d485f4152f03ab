// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Controller.Storage;

/// <summary>
/// As whom this site numbers its edits of what several sites edit: `SITE.LIFE`. A life is as long as its database: one
/// that is restored from a backup begins another, so that no number is ever used twice.
/// </summary>
internal sealed class EditWriter(ControllerDatabase database, SiteConfiguration site)
{
    public const string Fact = "edits-as";
    private readonly Lazy<string> _name = new(() => Read(database, site.Name));

    public string Name => _name.Value;

    /// <summary>Of edits that were made before edits were numbered.</summary>
    public string Former => site.Name;

    private static string Read(ControllerDatabase database, string site)
    {
        using var connection = database.Open();
        connection.Execute("INSERT INTO facts(name, value) VALUES(@Fact, @life) ON CONFLICT(name) DO NOTHING",
            new { Fact, life = Guid.CreateVersion7().ToString("n") });
        return $"{site}.{connection.QuerySingle<string>("SELECT value FROM facts WHERE name = @Fact", new { Fact })}";
    }
}
