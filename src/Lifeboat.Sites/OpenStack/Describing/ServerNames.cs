// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Sites.OpenStack.Appliances;
using Lifeboat.Sites.OpenStack.Compute;

namespace Lifeboat.Sites.OpenStack.Describing;

/// <summary>
/// Instances are named by their server's name where that is unique in the project and can name one; else by the
/// server's id. A server that we built has its instance's name as a tag, which counts first. Appliances are none.
/// </summary>
internal static class ServerNames
{
    private const string Mark = "lifeboat-instance=";

    public static string Tag(string instance) => Mark + instance;

    public static string? Tagged(NovaServer server) =>
        server.Tags?.FirstOrDefault(t => t.StartsWith(Mark, StringComparison.Ordinal))?[Mark.Length..];

    public static IReadOnlyDictionary<string, NovaServer> Of(IReadOnlyList<NovaServer> servers)
    {
        var named = new Dictionary<string, NovaServer>(StringComparer.Ordinal);
        foreach (var server in servers.OrderBy(s => s.Created).Where(s => Tagged(s) is not null))
            named.TryAdd(Tagged(server)!, server);
        var others = servers.Where(s => Tagged(s) is null && !ApplianceMarks.IsAppliance(s)).ToList();
        var unique = others.GroupBy(s => s.Name, StringComparer.Ordinal).Where(g => g.Count() == 1).Select(g => g.Key)
            .ToHashSet(StringComparer.Ordinal);
        foreach (var server in others)
        {
            var usual = EntityName.IsValid(server.Name) && unique.Contains(server.Name)
                && !named.ContainsKey(server.Name);
            named[usual ? server.Name : $"s-{server.Id}"] = server;
        }
        return named;
    }
}
