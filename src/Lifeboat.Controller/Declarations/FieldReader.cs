// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Declarations;

/// <summary>
/// Reads the fields of one mapping. What is asked for is known; what is left at the end is a fault, as is everything
/// that is not as it was asked for.
/// </summary>
internal sealed class FieldReader(DeclaredNode map, string pointer, DeclarationFaults faults, ValueBudget budget)
{
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    public FilePlace At => map.At;

    public bool Has(string field)
    {
        _known.Add(field);
        return map.Find(field) is not null;
    }

    /// <summary>Null: it is not there, or there is nothing in it.</summary>
    public DeclaredNode? Node(string field)
    {
        _known.Add(field);
        budget.Take(map.At);
        return map.Find(field) is { IsNull: false } node ? node : null;
    }

    public string? Text(string field)
    {
        if (Node(field) is not { } node) return null;
        if (node.Kind is NodeKind.Text) return node.Text;
        Fault(field, $"must be text, not {node.Said}");
        return null;
    }

    /// <summary>A name that has to be there; empty when it is not, or is none.</summary>
    public string Name(string field)
    {
        if (Node(field) is null)
        {
            Fault(field, $"'{field}' is missing");
            return "";
        }
        return Named(field) ?? "";
    }

    public string? Named(string field)
    {
        if (Text(field) is not { } text) return null;
        if (EntityName.IsValid(text)) return text;
        Fault(field, $"'{text}' is no name: {EntityName.Rule}");
        return null;
    }

    public bool Flag(string field)
    {
        if (Node(field) is not { } node) return false;
        if (node is { Kind: NodeKind.Text, IsPlain: true, Text: "true" or "false" }) return node.Text == "true";
        Fault(field, $"must be true or false, not {node.Said}");
        return false;
    }

    /// <param name="rule">What it must be, after `must be`.</param>
    /// <param name="parse">Null: it is not.</param>
    public T? Value<T>(string field, string rule, Func<string, T?> parse) where T : struct
    {
        if (Node(field) is not { } node) return null;
        if (node.Kind is NodeKind.Text && parse(node.Text) is { } value) return value;
        Fault(field, $"must be {rule}, not {node.Said}");
        return null;
    }

    public int? Number(string field, int least, int most) => Value<int>(field,
        string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {most}"),
        t => int.TryParse(t, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n)
            && n >= least && n <= most ? n : null);

    public T? Choice<T>(string field) where T : struct, Enum =>
        Value<T>(field, $"one of {string.Join(", ", Enum.GetValues<T>().Select(Kebab))}", ParseEnum<T>);

    public IReadOnlyList<T> Choices<T>(string field) where T : struct, Enum
    {
        var known = string.Join(", ", Enum.GetValues<T>().Select(Kebab));
        var all = new List<T>();
        foreach (var (index, text) in Texts(field).Index())
        {
            if (ParseEnum<T>(text) is { } value) all.Add(value);
            else Fault($"{field}/{index}", $"must be one of {known}, not '{text}'");
        }
        return [.. all.Distinct()];
    }

    /// <summary>A list of texts; a text alone is a list of one.</summary>
    public IReadOnlyList<string> Texts(string field)
    {
        if (Node(field) is not { } node) return [];
        if (node.Kind is NodeKind.Text) return [node.Text];
        if (node.Kind is NodeKind.Map)
        {
            Fault(field, "must be a list, not a mapping");
            return [];
        }
        foreach (var (index, item) in node.Items.Index())
        {
            budget.Take(item.At);
            if (item.Kind is not NodeKind.Text || item.IsNull)
                Fault($"{field}/{index}", $"must be text, not {item.Said}");
        }
        return [.. node.Items.Select(i => i.Text)];
    }

    /// <summary>The mappings of a list, or of a mapping alone.</summary>
    /// <param name="text">What a text in the place of a mapping stands for; null: for nothing.</param>
    public IEnumerable<FieldReader> Maps(string field, string? text = null)
    {
        if (Node(field) is not { } node) yield break;
        if (node.Kind is not NodeKind.List)
        {
            Fault(field, $"must be a list, not {node.Said}");
            yield break;
        }
        foreach (var (index, item) in node.Items.Index())
        {
            var at = $"{field}/{index}";
            if (item.Kind is NodeKind.Text && text is not null)
                yield return Under(at, item with
                {
                    Kind = NodeKind.Map, IsPlain = false, Entries = [new NodeEntry(text, item.At, item)],
                });
            else if (item.Kind is NodeKind.Map) yield return Under(at, item);
            else Fault(at, $"must be a mapping, not {item.Said}");
        }
    }

    /// <summary>Null: it is not there.</summary>
    public FieldReader? Map(string field)
    {
        if (Node(field) is not { } node) return null;
        if (node.Kind is NodeKind.Map) return Under(field, node);
        Fault(field, $"must be a mapping, not {node.Said}");
        return null;
    }

    /// <summary>Whatever names there are.</summary>
    public IEnumerable<string> Names()
    {
        foreach (var entry in map.Entries) _known.Add(entry.Key);
        return map.Entries.Select(e => e.Key);
    }

    /// <summary>What nobody asked for is a fault.</summary>
    public void End()
    {
        foreach (var entry in map.Entries.Where(e => !_known.Contains(e.Key)))
        {
            var near = Nearest.To(entry.Key, _known) is { } known ? $"did you mean '{known}'?"
                : $"there are: {string.Join(", ", _known.Order(StringComparer.Ordinal))}";
            faults.Add(entry.At, Pointer(entry.Key), $"there is no field '{entry.Key}': {near}");
        }
    }

    /// <param name="path">Below this mapping, `/` between names and numbers; empty: the whole of it.</param>
    public void Fault(string path, string text, ReasonCode reason = ReasonCode.InvalidRequest)
    {
        var node = map;
        var at = map.At;
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (node is { Kind: NodeKind.List } && int.TryParse(part, CultureInfo.InvariantCulture, out var index)
                && index < node.Items.Count) node = node.Items[index];
            else if (node.Find(part) is { } value) node = value;
            else break;
            at = node.At;
        }
        faults.Add(at, Pointer(path), text, reason);
    }

    public static string Kebab<T>(T value) where T : struct, Enum =>
        JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    public static T? ParseEnum<T>(string text) where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
            if (Kebab(value) == text) return value;
        return null;
    }

    private FieldReader Under(string path, DeclaredNode node) => new(node, Pointer(path), faults, budget);

    private string Pointer(string path) => path.Length == 0 ? pointer : $"{pointer}/{path}";
}

/// <summary>An alias stands for as much as its anchor, and so does one of aliases: what is read has an end.</summary>
internal sealed class ValueBudget(int left = 500_000)
{
    private int _left = left;

    /// <exception cref="ProblemException">RequestTooLarge.</exception>
    public void Take(FilePlace at)
    {
        if (--_left < 0)
            throw new ProblemException(ReasonCode.RequestTooLarge, "the declarations stand for too much",
                $"{at}: write less with aliases, or apply the files one after the other.");
    }
}
