// SPDX-License-Identifier: Apache-2.0
using Dapper;

namespace Lifeboat.Controller.Storage;

internal sealed record StoredPeer(string Name, string Url, string Link, string Fingerprint, DateTimeOffset PairedAt);

/// <summary>The sites this one is paired with.</summary>
internal sealed class PeerStore(ControllerDatabase database)
{
    public StoredPeer? Find(string site) => All().FirstOrDefault(p => p.Name == site);

    public IReadOnlyList<StoredPeer> All()
    {
        using var connection = database.Open();
        return [.. connection.Query<Row>("SELECT name, url, link, fingerprint, paired_at AS PairedAt FROM peers "
            + "ORDER BY name").Select(r => new StoredPeer(r.Name, r.Url, r.Link, r.Fingerprint,
                DateTimeOffset.FromUnixTimeMilliseconds(r.PairedAt)))];
    }

    public void Save(StoredPeer peer)
    {
        using var connection = database.Open();
        connection.Execute("""
            INSERT INTO peers(name, url, link, fingerprint, paired_at)
            VALUES(@Name, @Url, @Link, @Fingerprint, @At)
            ON CONFLICT(name) DO UPDATE SET url = excluded.url, link = excluded.link,
                fingerprint = excluded.fingerprint, paired_at = excluded.paired_at
            """, new { peer.Name, peer.Url, peer.Link, peer.Fingerprint, At = peer.PairedAt.ToUnixTimeMilliseconds() });
    }

    /// <summary>Known also while the site is away: only then does it matter.</summary>
    public bool MergesEdits(string site)
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<string>("SELECT value FROM facts WHERE name = @name",
            new { name = MergingFact(site) }) == "yes";
    }

    public void SaveMergesEdits(string site, bool merges)
    {
        using var connection = database.Open();
        connection.Execute("INSERT INTO facts(name, value) VALUES(@name, @value) "
            + "ON CONFLICT(name) DO UPDATE SET value = excluded.value",
            new { name = MergingFact(site), value = merges ? "yes" : "no" });
    }

    private static string MergingFact(string site) => $"merges-edits {site}";

    private sealed class Row
    {
        public string Name { get; init; } = "";
        public string Url { get; init; } = "";
        public string Link { get; init; } = "";
        public string Fingerprint { get; init; } = "";
        public long PairedAt { get; init; }
    }
}
