// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Controller.Storage;

namespace Lifeboat.Controller.Notifications;

/// <summary>Up to which number site events were published; it never goes back.</summary>
internal sealed class NotificationPosition(ControllerDatabase database)
{
    private const string Published = "site_events_published";

    /// <summary>Null: none ever was.</summary>
    public long? Read()
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<long?>("SELECT number FROM revisions WHERE name = @Published",
            new { Published });
    }

    public void Write(long number)
    {
        using var connection = database.Open();
        connection.Execute("""
            INSERT INTO revisions(name, number) VALUES(@Published, @number)
            ON CONFLICT(name) DO UPDATE SET number = excluded.number WHERE excluded.number > revisions.number
            """, new { Published, number });
    }
}
