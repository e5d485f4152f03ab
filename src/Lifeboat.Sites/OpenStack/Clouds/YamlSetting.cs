// SPDX-License-Identifier: Apache-2.0
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Lifeboat.Sites.OpenStack.Clouds;

/// <summary>A value of a YAML file that still knows where it was written.</summary>
/// <param name="Where">`file:line`.</param>
/// <param name="Text">A scalar's; null: it is none, or it is null.</param>
internal sealed record YamlSetting(string Where, string? Text, IReadOnlyDictionary<string, YamlSetting>? Map,
    IReadOnlyList<YamlSetting>? List)
{
    private static readonly Dictionary<string, YamlSetting> None = [];

    /// <summary>Members of a mapping; none when it is no mapping.</summary>
    public IReadOnlyDictionary<string, YamlSetting> Members => Map ?? None;

    /// <summary>Reads a file.</summary>
    /// <returns>Null when it cannot be read as one mapping: <paramref name="problems"/> has why.</returns>
    public static YamlSetting? Read(string file, List<string> problems)
    {
        try
        {
            var yaml = new YamlStream();
            using var text = System.IO.File.OpenText(file);
            yaml.Load(text);
            if (yaml.Documents.Count == 1 && yaml.Documents[0].RootNode is YamlMappingNode root) return Of(file, root);
            problems.Add($"{file}: it must be one YAML mapping that begins with 'clouds:'");
        }
        catch (YamlException e)
        {
            problems.Add($"{file}:{e.Start.Line}: not YAML: {e.InnerException?.Message ?? e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{file} cannot be read: {e.Message}");
        }
        return null;
    }

    /// <summary>Mappings are merged member by member; of anything else <paramref name="stronger"/> counts.</summary>
    public YamlSetting With(YamlSetting stronger)
    {
        if (Map is null || stronger.Map is null) return stronger;
        var merged = new Dictionary<string, YamlSetting>(Map, StringComparer.Ordinal);
        foreach (var (key, value) in stronger.Map)
            merged[key] = merged.TryGetValue(key, out var weaker) ? weaker.With(value) : value;
        return this with { Map = merged };
    }

    private static YamlSetting Of(string file, YamlNode node)
    {
        var where = $"{file}:{node.Start.Line}";
        return node switch
        {
            YamlMappingNode map => new YamlSetting(where, null, MembersOf(file, map), null),
            YamlSequenceNode list => new YamlSetting(where, null, null, [.. list.Children.Select(c => Of(file, c))]),
            YamlScalarNode scalar => new YamlSetting(where, TextOf(scalar), null, null),
            _ => new YamlSetting(where, null, null, null),
        };
    }

    private static Dictionary<string, YamlSetting> MembersOf(string file, YamlMappingNode map)
    {
        var members = new Dictionary<string, YamlSetting>(StringComparer.Ordinal);
        foreach (var (key, value) in map.Children)
            members[(key as YamlScalarNode)?.Value ?? key.ToString()] = Of(file, value);
        return members;
    }

    private static string? TextOf(YamlScalarNode scalar) =>
        scalar.Style is ScalarStyle.Plain && scalar.Value is null or "" or "~" or "null" ? null : scalar.Value;
}
