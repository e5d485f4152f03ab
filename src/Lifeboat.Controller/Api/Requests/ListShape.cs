// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Text;
using System.Text;
using Lifeboat.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Lifeboat.Controller.Api.Requests;

// A page goes on behind the last item that was given, wherever that stands in the list by now or whether it is there at
// all: the cursor holds its key, and the list is ordered by keys. So what is added or removed between two pages makes
// nothing appear twice and nothing that was there all the time be missed.

/// <summary>How items of a list are ordered, told apart and chosen; page by page with `limit` and `after`.</summary>
internal abstract class ListShape
{
    public const int LimitMax = 1000;

    /// <summary>What the list's query takes, for the document and for the check of the query.</summary>
    public abstract IEnumerable<QueryParameter> Parameters { get; }

    /// <returns>The items that the query asks for; the answer's `Link` leads to the next ones.</returns>
    /// <exception cref="ProblemException">InvalidRequest: a limit or cursor that is none.</exception>
    public abstract object Choose(object list, HttpContext context);

    protected static string Cursor(string key) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(key));

    protected static string KeyOf(string cursor)
    {
        try
        {
            return Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor));
        }
        catch (FormatException)
        {
            throw Fault("after", "is no cursor; take it from the Link of the page before");
        }
    }

    protected static int? LimitOf(StringValues text)
    {
        if (text is not [{ } said]) return null;
        return int.TryParse(said, out var limit) && limit is > 0 and <= LimitMax ? limit
            : throw Fault("limit", $"must be 1 to {LimitMax}");
    }

    private static ProblemException Fault(string parameter, string detail) =>
        ProblemException.Of("the request has a fault", [new ProblemFault(detail, Parameter: parameter)]);
}

/// <param name="name">Of the query parameter.</param>
/// <param name="description">What is chosen by it.</param>
/// <param name="values">Of an item, as they are written in JSON; one of them is to be the one asked for.</param>
internal sealed class ListFilter<T>(string name, string description, Func<T, IEnumerable<string?>> values)
{
    public QueryParameter Parameter { get; } = new(name, typeof(string), description);
    public bool Takes(T item, string wanted) => values(item).Contains(wanted, StringComparer.Ordinal);
}

/// <param name="key">Unique in the list, and never another for the same item.</param>
/// <param name="descending">By the key.</param>
internal sealed class ListShape<T>(Func<T, string> key, bool descending, params ListFilter<T>[] filters) : ListShape
{
    public override IEnumerable<QueryParameter> Parameters =>
    [
        new("limit", typeof(int), $"Items of a page, 1 to {LimitMax}; without it everything is answered at once."),
        new("after", typeof(string), "Cursor of the page before, from its `Link`."),
        .. filters.Select(f => f.Parameter),
    ];

    public override object Choose(object list, HttpContext context)
    {
        var query = context.Request.Query;
        var items = (IEnumerable<T>)list;
        foreach (var filter in filters)
            if (query[filter.Parameter.Name] is [{ } wanted]) items = items.Where(i => filter.Takes(i, wanted));
        var limit = LimitOf(query["limit"]);
        var after = query["after"] is [{ } cursor] ? KeyOf(cursor) : null;
        if (limit is null && after is null) return items.ToList();

        var ordered = descending
            ? items.OrderByDescending(key, StringComparer.Ordinal) : items.OrderBy(key, StringComparer.Ordinal);
        var page = ordered.Where(i => after is null || IsBehind(key(i), after)).Take((limit ?? LimitMax) + 1).ToList();
        if (page.Count <= (limit ?? LimitMax)) return page;
        page.RemoveAt(page.Count - 1);
        context.Response.Headers.Link = $"<{Next(context.Request, key(page[^1]))}>; rel=\"next\"";
        return page;
    }

    private bool IsBehind(string at, string after) =>
        descending ? string.CompareOrdinal(at, after) < 0 : string.CompareOrdinal(at, after) > 0;

    private static string Next(HttpRequest request, string last)
    {
        var query = request.Query.Where(q => q.Key != "after")
            .Append(new KeyValuePair<string, StringValues>("after", Cursor(last)));
        return request.Path + QueryString.Create(query);
    }
}
