// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Lifeboat.Contracts.Metrics;
using YamlDotNet.RepresentationModel;

namespace Lifeboat.Tests.Tidy;

/// <summary>Code, documentation, dashboard and alert rules speak of the same metrics.</summary>
public sealed partial class MetricNamesTests
{
    private static readonly string Kit = Path.Combine(SourceTree.Root, "kit", "observability");

    [Fact]
    public void The_documentation_has_every_metric_as_the_code_does()
    {
        var documented = File.ReadLines(Path.Combine(SourceTree.Root, "docs/operating/metrics.md"))
            .Where(l => l.StartsWith("| `lifeboat_", StringComparison.Ordinal));
        Assert.Equal(MetricCatalog.All.Select(Row), documented);
    }

    [Fact]
    public void The_code_gives_every_metric_of_the_catalog()
    {
        var given = SourceTree.CSharp.Where(f => f.IsUnder("src") && !f.Path.EndsWith("MetricCatalog.cs",
            StringComparison.Ordinal)).SelectMany(f => f.Lines).SelectMany(l => Quoted().Matches(l))
            .Select(m => m.Groups[1].Value).ToHashSet();
        Assert.Empty(MetricCatalog.All.Select(m => m.Name).Except(given));
        Assert.Empty(given.Except(MetricCatalog.All.Select(m => m.Name)));
    }

    [Fact]
    public void Names_follow_their_kind() => Assert.Empty(MetricCatalog.All
        .Where(m => m.Kind is MetricKind.Counter != m.Name.EndsWith("_total", StringComparison.Ordinal))
        .Select(m => m.Name));

    [Fact]
    public void The_dashboard_asks_for_metrics_and_labels_that_there_are()
    {
        using var board = JsonDocument.Parse(File.ReadAllText(Path.Combine(Kit, "grafana", "lifeboat.json")));
        var asked = board.RootElement.GetProperty("panels").EnumerateArray()
            .SelectMany(p => p.GetProperty("targets").EnumerateArray())
            .Select(t => t.GetProperty("expr").GetString()!).ToList();
        Assert.True(asked.Count > 20);
        asked.AddRange(board.RootElement.GetProperty("templating").GetProperty("list").EnumerateArray()
            .Select(v => v.GetProperty("query").GetString()!)
            .Where(q => q.StartsWith("label", StringComparison.Ordinal)));
        Assert.Empty(asked.SelectMany(Problems));
    }

    [Fact]
    public void The_alert_rules_ask_for_metrics_and_labels_that_there_are()
    {
        var path = Path.Combine(Kit, "prometheus", "lifeboat.yml");
        var yaml = new YamlStream();
        yaml.Load(new StringReader(File.ReadAllText(path)));
        var rules = (YamlSequenceNode)((YamlMappingNode)yaml.Documents[0].RootNode)["groups"][0]["rules"];
        Assert.True(rules.Children.Count > 10);
        Assert.Equal(rules.Children.Count, rules.Children.Select(r => $"{r["alert"]}").Distinct().Count());
        Assert.All(rules.Children, r => Assert.NotEmpty($"{r["annotations"]["summary"]}"));
        Assert.Empty(rules.Children.SelectMany(r => Problems($"{r["expr"]}")));
        CheckByPromtool(path);
    }

    // Where Prometheus is installed its own tool says whether the rules can be loaded.
    private static void CheckByPromtool(string rules)
    {
        var tool = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Select(p => Path.Combine(p, "promtool")).FirstOrDefault(File.Exists);
        if (tool is null) return;
        using var check = Process.Start(new ProcessStartInfo(tool, ["check", "rules", rules])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var said = check.StandardOutput.ReadToEnd() + check.StandardError.ReadToEnd();
        check.WaitForExit();
        Assert.True(check.ExitCode == 0, said);
    }

    private static IEnumerable<string> Problems(string expression)
    {
        var matches = Asked().Matches(expression);
        if (matches.Count == 0) yield return $"{expression}: no metric of ours";
        foreach (var match in matches.Cast<Match>())
        {
            var name = Series().Replace(match.Groups[1].Value, "");
            var info = MetricCatalog.All.FirstOrDefault(m => m.Name == name || m.Name == match.Groups[1].Value);
            if (info is null) yield return $"{expression}: there is no {match.Groups[1].Value}";
            foreach (var label in Label().Matches(match.Groups[2].Value).Select(l => l.Groups[1].Value))
                if (label != "site" && info?.Labels.Contains(label) == false)
                    yield return $"{expression}: {name} has no label {label}";
        }
    }

    private static string Row(MetricInfo metric) => $"| `{metric.Name}` | {DataPathMetrics.Name(metric.Kind)} | "
        + $"{metric.From} | {string.Join(", ", metric.Labels.Select(l => $"`{l}`"))} | {metric.Help} |";

    [GeneratedRegex("\"(lifeboat_[a-z_]+)\"")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\b(lifeboat_[a-z_]+)(\{[^}]*\})?")]
    private static partial Regex Asked();

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex Series();

    [GeneratedRegex(@"([a-z_]+)\s*(?:=|!=|=~|!~)")]
    private static partial Regex Label();
}
