// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using System.Globalization;

namespace Lifeboat.Controller.Storage;

/// <summary>
/// Puts many rows into a table with few statements: one for each would be thousands in every look at a thousand groups,
/// each of them a question to a server that may be on another host.
/// </summary>
internal static class ManyRows
{
    private const int AtOnce = 200;

    /// <param name="into">`INSERT INTO table(columns)`.</param>
    /// <param name="rows">Values in the order of the columns; no two with the same key.</param>
    /// <param name="conflict">`ON CONFLICT …`.</param>
    public static void Put(DbTransaction transaction, string into, IEnumerable<object[]> rows, string conflict)
    {
        foreach (var some in rows.Chunk(AtOnce))
        {
            using var command = transaction.Connection!.CreateCommand();
            command.Transaction = transaction;
            var places = some.Select(row => $"({string.Join(", ", row.Select(value => Place(command, value)))})");
            command.CommandText = $"{into} VALUES {string.Join(", ", places)} {conflict}";
            command.ExecuteNonQuery();
        }
    }

    private static string Place(DbCommand command, object value)
    {
        var parameter = command.CreateParameter();
        parameter.ParameterName = string.Create(CultureInfo.InvariantCulture, $"@p{command.Parameters.Count}");
        parameter.Value = value;
        command.Parameters.Add(parameter);
        return parameter.ParameterName;
    }
}
