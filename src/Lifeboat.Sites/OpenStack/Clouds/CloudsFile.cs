// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Clouds;

/// <summary>Finds a cloud in `clouds.yaml` and tells all that is wrong with it at once.</summary>
internal static class CloudsFile
{
    /// <param name="cloud">Which one; null: `OS_CLOUD`, else the only one there is.</param>
    /// <exception cref="SiteException">Refused: no file, no such cloud, or faults in it, each with file and
    /// line.</exception>
    public static CloudSettings Read(CloudsSearch search, string? cloud)
    {
        var problems = new List<string>();
        var settings = Read(search, cloud, problems);
        return problems.Count == 0 && settings is not null ? settings
            : throw new SiteException(SiteFault.Refused, string.Join("; ", problems));
    }

    private static CloudSettings? Read(CloudsSearch search, string? cloud, List<string> problems)
    {
        if (search.Clouds.FirstOrDefault(File.Exists) is not { } file)
        {
            problems.Add($"there is no clouds.yaml; looked for {string.Join(", ", search.Clouds)}");
            return null;
        }
        if (YamlSetting.Read(file, problems) is not { } root) return null;
        if (search.Secure.FirstOrDefault(File.Exists) is { } secure)
        {
            if (YamlSetting.Read(secure, problems) is not { } secrets) return null;
            root = root.With(secrets);
        }
        if (root.Members.GetValueOrDefault("clouds") is not { Map: { Count: > 0 } clouds })
        {
            problems.Add($"{file}: it has no clouds; they are written below 'clouds:'");
            return null;
        }
        var name = cloud ?? search.DefaultCloud ?? (clouds.Count == 1 ? clouds.Keys.First() : null);
        var known = string.Join(", ", clouds.Keys.Order(StringComparer.Ordinal));
        if (name is null)
            problems.Add($"{file}: it has several clouds ({known}); say which one (options.cloud)");
        else if (!clouds.TryGetValue(name, out var written))
            problems.Add($"{file}: it has no cloud '{name}'; it has {known}");
        else if (written.Map is null)
            problems.Add($"{written.Where}: clouds.{name} must be a mapping");
        else
            return new CloudReader(name, Normal(written), problems).Read();
        return null;
    }

    // openstacksdk takes `region-name` for `region_name`, at both levels.
    private static YamlSetting Normal(YamlSetting setting) => setting.Map is null ? setting : setting with
    {
        Map = setting.Map.GroupBy(m => m.Key.Replace('-', '_'), StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.Key == "auth" ? Normal(g.Last().Value) : g.Last().Value,
                StringComparer.Ordinal),
    };
}
