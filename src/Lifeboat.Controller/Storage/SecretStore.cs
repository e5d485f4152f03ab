// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Controller.Identity;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Storage;

/// <summary>Secrets of the site by name, sealed with its key: passwords of mail servers, keys of callbacks.</summary>
internal sealed class SecretStore(ControllerDatabase database, SiteKey key)
{
    /// <returns>Null: there is none of that name.</returns>
    public byte[]? Find(string name)
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<byte[]>("SELECT body FROM secrets WHERE name = @name", new { name })
            is { } body ? key.Open(Purpose(name), body) : null;
    }

    public void Save(string name, ReadOnlySpan<byte> secret)
    {
        var body = key.Seal(Purpose(name), secret);
        using var connection = database.Open();
        connection.Execute("""
            INSERT INTO secrets(name, body) VALUES(@name, @body) ON CONFLICT(name) DO UPDATE SET body = excluded.body
            """, new { name, body });
    }

    /// <summary>The secret of that name; whoever asks first makes it.</summary>
    /// <param name="renewed">
    /// Told when the one that was there cannot be opened, because the site lost its key: another takes its place.
    /// </param>
    public byte[] FindOrAdd(string name, Func<byte[]> make, Action<ProblemException> renewed)
    {
        try
        {
            if (Find(name) is { } known) return known;
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.KeyUnavailable)
        {
            renewed(e);
            Save(name, make());
            return Find(name)!;
        }
        var body = key.Seal(Purpose(name), make());
        using (var connection = database.Open())
            connection.Execute("INSERT INTO secrets(name, body) VALUES(@name, @body) ON CONFLICT(name) DO NOTHING",
                new { name, body });
        return Find(name)!;
    }

    public void Remove(string name)
    {
        using var connection = database.Open();
        connection.Execute("DELETE FROM secrets WHERE name = @name", new { name });
    }

    private static string Purpose(string name) => "secret " + name;
}
