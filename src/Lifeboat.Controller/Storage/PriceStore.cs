// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Storage;

/// <summary>The site's one price book.</summary>
internal sealed class PriceStore(ControllerDatabase database)
{
    /// <returns>Null: none was ever set.</returns>
    public PriceBook? Find()
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<string>("SELECT body FROM prices WHERE name = 'book'") is { } body
            ? StoredJson.Read<PriceBook>(body) : null;
    }

    /// <exception cref="ProblemException">PricesUnknown: none was ever set.</exception>
    public PriceBook Get() => Find() ?? throw new ProblemException(ReasonCode.PricesUnknown,
        "this site has no price book", "`lifeboat usage prices --file FILE` sets one.");

    /// <exception cref="ProblemException">InvalidRequest, with all that is wrong.</exception>
    public PriceBook Put(PriceBook prices)
    {
        var problems = prices.Problems().ToList();
        if (problems.Count > 0) throw ProblemException.Of("the price book has faults", problems);
        using var connection = database.Open();
        connection.Execute("""
            INSERT INTO prices(name, body) VALUES('book', @Body)
            ON CONFLICT(name) DO UPDATE SET body = excluded.body
            """, new { Body = StoredJson.Write(prices) });
        return prices;
    }
}
