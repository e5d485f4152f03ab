// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Storage;

/// <summary>Brings a schema forward: all missing steps or none, once, though several controllers start.</summary>
internal static class Migration
{
    /// <exception cref="ProblemException">Conflict: a newer version of Lifeboat wrote it.</exception>
    public static void Run(ControllerDatabase database)
    {
        using var connection = database.Open();
        if (database.SchemaVersion(connection, null) == Schema.Steps.Count) return;
        using var change = database.BeginSchemaChange(connection);
        // Read again: somebody else may have been faster.
        var version = database.SchemaVersion(connection, change);
        ThrowIfNewer(database, version);
        for (; version < Schema.Steps.Count; version++)
            connection.Execute(database.TextOf(Schema.Steps[(int)version]), transaction: change);
        database.SetSchemaVersion(connection, change, version);
        change.Commit();
    }

    /// <exception cref="ProblemException">Conflict.</exception>
    public static void ThrowIfNewer(ControllerDatabase database, long version)
    {
        if (version <= Schema.Steps.Count) return;
        throw new ProblemException(ReasonCode.Conflict,
            $"the database {database.Place} is of schema {version}, this version of Lifeboat knows up to "
            + $"{Schema.Steps.Count}", "Start the version of Lifeboat that wrote it, or a newer one.");
    }
}
