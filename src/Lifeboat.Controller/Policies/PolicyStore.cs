// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Merging;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Policies;

/// <param name="Name">Full name, see <see cref="GroupName"/>.</param>
/// <param name="Version">Of what is known of it: grows with every edit, at this site and at others.</param>
/// <param name="Policy">What holds here: what groups that follow it have.</param>
internal sealed record StoredPolicy(string Name, long Version, string? Description, Policy Policy,
    DateTimeOffset ChangedAt)
{
    public string Tenant => GroupName.TenantOf(Name);

    /// <summary>It was deleted; kept so that other sites learn of it.</summary>
    public bool Removed { get; init; }
    /// <summary>What its fields were given, and where; null: by a release that did not exchange policies.</summary>
    public MergedFields? Fields { get; init; }
    /// <summary>Why what sites changed cannot hold together, so that what held before still does.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];
}

/// <summary>The named policies of this site, deleted ones too, and up to which version their groups have followed.
/// </summary>
internal sealed class PolicyStore(ControllerDatabase database)
{
    private readonly RevisedRows<StoredPolicy> _rows = new("policies", (connection, seen) => connection.Query<string>(
        "SELECT body FROM policies WHERE revision > @seen", new { seen })
        .Select(StoredJson.Read<StoredPolicy>).Select(p => (p.Name, p)));

    /// <summary>As they are now, deleted ones too, by name.</summary>
    public IReadOnlyDictionary<string, StoredPolicy> Now()
    {
        using var connection = database.Open();
        return _rows.Read(connection);
    }

    /// <summary>Null: there is none, or it was deleted.</summary>
    public StoredPolicy? Find(string name) =>
        Now().GetValueOrDefault(name) is { Removed: false } policy ? policy : null;

    public IReadOnlyList<StoredPolicy> All() => [.. Now().Values.Where(p => !p.Removed)];

    /// <summary>Those that not all groups have followed yet.</summary>
    public IReadOnlyList<StoredPolicy> Behind()
    {
        using var connection = database.Open();
        return [.. connection.Query<string>("SELECT body FROM policies WHERE followed < version ORDER BY name")
            .Select(StoredJson.Read<StoredPolicy>).Where(p => !p.Removed)];
    }

    /// <param name="before">That it was made from; null: there was none.</param>
    /// <returns>False: something else is there by now.</returns>
    public bool TrySave(StoredPolicy? before, StoredPolicy next)
    {
        using var connection = database.Open();
        using var transaction = connection.BeginTransaction();
        var revision = _rows.Next(connection, transaction);
        if (!TrySave(before, next, revision, transaction)) return false;
        transaction.Commit();
        return true;
    }

    private static bool TrySave(StoredPolicy? before, StoredPolicy next, long revision, DbTransaction transaction)
    {
        var row = new { next.Name, next.Version, body = StoredJson.Write(next), revision, before = before?.Version };
        return transaction.Connection!.Execute(before is null ? """
            INSERT INTO policies(name, version, followed, body, revision) VALUES(@Name, @Version, 0, @body, @revision)
            ON CONFLICT(name) DO NOTHING
            """ : """
            UPDATE policies SET version = @Version, body = @body, revision = @revision
            WHERE name = @Name AND version = @before
            """, row, transaction) == 1;
    }

    public void SetFollowed(StoredPolicy policy)
    {
        using var connection = database.Open();
        connection.Execute("UPDATE policies SET followed = @Version WHERE name = @Name AND followed < @Version",
            new { policy.Name, policy.Version });
    }
}
