// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Recovery.Evacuations;

namespace Lifeboat.Controller.Storage;

/// <summary>
/// Evacuations in the controller's database. One row each, and one for each group that is in one under way: so a group
/// is in one at a time.
/// </summary>
internal sealed class EvacuationStore(ControllerDatabase database) : IEvacuationStore
{
    private const int Listed = 500;

    public async Task<Evacuation?> TryAddAsync(Evacuation evacuation, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                await AddAsync(evacuation, ct);
                return null;
            }
            catch (DbException e) when (database.IsDuplicate(e))
            {
                // It may have ended meanwhile, and then nothing is in the way any more.
                if (await OtherAsync(evacuation, ct) is { } other) return other;
            }
        }
    }

    public async Task<bool> TrySaveAsync(Evacuation next, CancellationToken ct)
    {
        using var connection = database.Open();
        await using var transaction = await connection.BeginTransactionAsync(ct);
        if (await connection.ExecuteAsync("""
            UPDATE evacuations SET finished = @Finished, ended_at = @EndedAt, revision = @Revision, body = @Body
            WHERE id = @Id AND revision = @Revision - 1
            """, Row(next), transaction) == 0) return false;
        if (next.Finished)
            await connection.ExecuteAsync("DELETE FROM evacuees WHERE evacuation = @Id", Row(next), transaction);
        await transaction.CommitAsync(ct);
        return true;
    }

    public async Task<Evacuation?> FindAsync(Guid id, CancellationToken ct) =>
        (await QueryAsync("WHERE id = @id", new { id = $"{id}" })).SingleOrDefault();

    public async Task<Evacuation?> FindByKeyAsync(string idempotencyKey, CancellationToken ct) =>
        (await QueryAsync("WHERE request_key = @idempotencyKey", new { idempotencyKey })).SingleOrDefault();

    public async Task<IReadOnlyList<Evacuation>> UnfinishedAsync(CancellationToken ct) =>
        await QueryAsync("WHERE finished = 0 ORDER BY created_at, id", new { });

    /// <summary>Those under way, and those that ended at this moment or later.</summary>
    public async Task<IReadOnlyList<Evacuation>> SinceAsync(DateTimeOffset moment, CancellationToken ct) =>
        await QueryAsync("WHERE finished = 0 OR ended_at >= @since",
            new { since = moment.ToUnixTimeMilliseconds() });

    /// <summary>Newest first.</summary>
    /// <param name="tenant">Only those that are about this tenant alone; null: all.</param>
    public async Task<IReadOnlyList<Evacuation>> ListAsync(string? tenant, CancellationToken ct) =>
        await QueryAsync("""
            WHERE (@tenant IS NULL OR tenant = @tenant) ORDER BY created_at DESC, id DESC LIMIT @Listed
            """, new { tenant, Listed });

    /// <summary>Removes those that ended before this.</summary>
    /// <returns>How many; fewer than <paramref name="most"/>: there are no more.</returns>
    public int Prune(DateTimeOffset before, int most)
    {
        using var connection = database.Open();
        return connection.Execute("""
            DELETE FROM evacuations WHERE finished = 1 AND id IN (SELECT id FROM evacuations
                WHERE finished = 1 AND ended_at < @before ORDER BY ended_at LIMIT @most)
            """, new { before = before.ToUnixTimeMilliseconds(), most });
    }

    private async Task AddAsync(Evacuation evacuation, CancellationToken ct)
    {
        using var connection = database.Open();
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await connection.ExecuteAsync("""
            INSERT INTO evacuations(id, tenant, created_at, finished, ended_at, request_key, revision, body)
            VALUES(@Id, @Tenant, @CreatedAt, @Finished, @EndedAt, @Key, @Revision, @Body)
            """, Row(evacuation), transaction);
        // In one order, so that two that share groups do not wait for each other.
        ManyRows.Put(transaction, "INSERT INTO evacuees(name, evacuation)",
            evacuation.Groups.Select(g => g.Group).Order(StringComparer.Ordinal)
                .Select(g => new object[] { g, $"{evacuation.Id}" }), "");
        await transaction.CommitAsync(ct);
    }

    private async Task<Evacuation?> OtherAsync(Evacuation evacuation, CancellationToken ct)
    {
        if (evacuation.IdempotencyKey is { } key && await FindByKeyAsync(key, ct) is { } same) return same;
        var groups = evacuation.Groups.Select(g => g.Group).ToHashSet(StringComparer.Ordinal);
        return (await UnfinishedAsync(ct)).FirstOrDefault(e => e.Groups.Any(g => groups.Contains(g.Group)));
    }

    private async Task<List<Evacuation>> QueryAsync(string where, object parameters)
    {
        using var connection = database.Open();
        return [.. (await connection.QueryAsync<string>($"SELECT body FROM evacuations {where}", parameters))
            .Select(StoredJson.Read<Evacuation>)];
    }

    private static object Row(Evacuation evacuation) => new
    {
        Id = $"{evacuation.Id}",
        evacuation.Tenant,
        CreatedAt = evacuation.CreatedAt.ToUnixTimeMilliseconds(),
        Finished = evacuation.Finished ? 1 : 0,
        EndedAt = evacuation.FinishedAt?.ToUnixTimeMilliseconds(),
        Key = evacuation.IdempotencyKey,
        evacuation.Revision,
        Body = StoredJson.Write(evacuation),
    };
}
