// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Http;

/// <summary>One page of a list.</summary>
internal interface ICloudPage<out T>
{
    IReadOnlyList<T> Items { get; }
    /// <summary>The link to the next page, as the service wrote it; null: this is the last one.</summary>
    string? Next { get; }
}

/// <summary>A link of Nova, Cinder and Neutron: `{"rel": "next", "href": "…"}`.</summary>
internal sealed record PageLink(string? Rel, string? Href)
{
    public static string? Next(IReadOnlyList<PageLink>? links) => links?.FirstOrDefault(l => l.Rel == "next")?.Href;
}
