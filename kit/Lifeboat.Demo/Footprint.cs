// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Demo;

/// <summary>
/// What a site leaves on the machine: processes, namespaces, mounts, files. Taken before and after a drill by
/// looking at the
/// machine, not by asking the product.
/// </summary>
internal sealed record Footprint(IReadOnlySet<string> Things)
{
    // What a living site changes all the time by itself.
    private static readonly string[] Living =
        ["/logs/", "/replicas/", "/reports/", "/controller.db", "/run/", "/agent/"];

    public static async Task<Footprint> TakeAsync(FieldSite site, CancellationToken ct)
    {
        var things = new HashSet<string>(StringComparer.Ordinal);
        foreach (var pid in site.ProcessesOfSite()) things.Add($"process {Describe(pid)}");
        var namespaces = await HostCommand.MustAsync("ip", ["netns", "list"], ct);
        foreach (var line in namespaces.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            things.Add($"namespace {line.Split(' ')[0]}");
        var links = await HostCommand.MustAsync("ip", ["-o", "link", "show"], ct);
        foreach (var line in links.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            things.Add($"link {line.Split(':')[1].Trim().Split('@')[0]}");
        foreach (var line in await File.ReadAllLinesAsync("/proc/mounts", ct))
            things.Add($"mount {line.Split(' ')[1]}");
        foreach (var file in Directory.EnumerateFileSystemEntries(site.Directory, "*", SearchOption.AllDirectories))
            if (!Living.Any(l => file[site.Directory.Length..].StartsWith(l, StringComparison.Ordinal)))
                things.Add($"file {file}");
        return new Footprint(things);
    }

    public IReadOnlyList<string> LeftSince(Footprint before) => [.. Things.Except(before.Things).Order()];

    private static string Describe(int pid)
    {
        try
        {
            var words = File.ReadAllText($"/proc/{pid}/cmdline").Split('\0');
            return string.Join(' ', words.Take(6));
        }
        catch (IOException)
        {
            return "ended";
        }
    }
}
