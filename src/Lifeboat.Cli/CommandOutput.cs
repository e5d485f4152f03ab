// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Protection;
using YamlDotNet.Serialization;

namespace Lifeboat.Cli;

/// <summary>Prints: data as table, JSON or YAML on stdout, talk on stderr.</summary>
internal sealed class CommandOutput(string format, TextWriter data, TextWriter talk)
{
    public bool ForPeople => format == "table";

    public void Write<T>(T value, Action<TextTable> fill)
    {
        switch (format)
        {
            case "json":
                data.WriteLine(JsonSerializer.Serialize(value, ContractJson.Indented));
                break;
            case "yaml":
                var json = JsonSerializer.SerializeToElement(value, ContractJson.Options);
                data.Write(new SerializerBuilder().Build().Serialize(Plain(json)!));
                break;
            default:
                var table = new TextTable();
                fill(table);
                if (format == "csv") table.PrintCsv(data);
                else table.Print(data);
                break;
        }
    }

    /// <summary>A record as lines of name and value.</summary>
    public void WriteFacts<T>(T value, IEnumerable<(string Name, string? Value)> facts) => Write(value, table =>
    {
        table.HideHeaders();
        table.AddColumns("name", "value");
        foreach (var (name, text) in facts)
            if (text is not null) table.AddRow(name, text);
    });

    /// <summary>Data that is text already.</summary>
    public void WriteLine(string line) => data.WriteLine(line);

    public void Talk(string line) => talk.WriteLine(line);

    public void Problem(ReasonCode reason, string title, string? detail, IReadOnlyList<string>? errors)
    {
        var name = JsonNamingPolicy.KebabCaseLower.ConvertName(reason.ToString());
        talk.WriteLine($"lifeboat: {title}");
        if (detail is not null) talk.WriteLine($"  {detail}");
        // A single fault is its own title.
        foreach (var error in (errors ?? []).Where(e => e != title)) talk.WriteLine($"  - {error}");
        talk.WriteLine($"  reason: {name} (exit code {ExitCode.From(reason)})");
    }

    private static object? Plain(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().ToDictionary(p => p.Name, p => Plain(p.Value)),
        JsonValueKind.Array => element.EnumerateArray().Select(Plain).ToList(),
        JsonValueKind.String => element.GetString(),
        JsonValueKind.Number => element.TryGetInt64(out var whole) ? whole : element.GetDouble(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };
}

/// <summary>How numbers and times read in tables.</summary>
internal static class Show
{
    public static string Bytes(long bytes) => bytes switch
    {
        >= 10L << 30 => $"{bytes / (double)(1L << 30):0.0} GiB",
        >= 10L << 20 => $"{bytes / (double)(1L << 20):0} MiB",
        >= 1L << 20 => $"{bytes / (double)(1L << 20):0.0} MiB",
        >= 1024 => $"{bytes / 1024.0:0} KiB",
        _ => $"{bytes} B",
    };

    public static string Span(TimeSpan span) => span.TotalSeconds < 60
        ? span.TotalSeconds.ToString("0.0 's'", CultureInfo.InvariantCulture)
        : span.ToString(span.TotalHours < 1 ? @"m\:ss" : @"d\.hh\:mm\:ss", CultureInfo.InvariantCulture);

    public static string Time(DateTimeOffset time) =>
        time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss.f'Z'", CultureInfo.InvariantCulture);

    public static string Name<T>(T value) where T : struct, Enum =>
        JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());
}
