// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Declarations;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Access.Rules;

/// <param name="From">Where it stands in the operator's file; null: it is a default.</param>
internal sealed record AccessRule(string Name, string Text, AccessCheck Check, FilePlace? From);

/// <summary>Reads a `policy.yaml`: a mapping of names to rules, which stand in the place of the defaults.</summary>
internal sealed class RuleFile
{
    public const int BytesMax = 1 << 20;
    private const string Prefix = "lifeboat:";

    private readonly RuleDefaults _defaults;
    private readonly RuleLanguage _language;
    private readonly DeclarationFaults _faults = new();
    private readonly Dictionary<string, AccessRule> _rules = new(StringComparer.Ordinal);
    private string[] _lines = [];

    private RuleFile(RuleDefaults defaults) => (_defaults, _language) =
        (defaults, new RuleLanguage(RuleDefaults.CallerAttributes, defaults.TargetAttributes));

    /// <returns>The rules that hold with the file, and all that is wrong with it.</returns>
    public static (IReadOnlyDictionary<string, AccessRule> Rules, IReadOnlyList<ProblemFault> Faults) Read(
        RuleDefaults defaults, string name, string text)
    {
        var file = new RuleFile(defaults);
        file.Read(name, text);
        return (file._rules, file._faults.All);
    }

    private void Read(string name, string text)
    {
        foreach (var rule in _defaults.Rules) _rules[rule.Name] = Default(rule);
        _lines = text.Split('\n');
        var documents = YamlDocuments.Read(new DeclarationFile(name, text), _faults);
        foreach (var document in documents.Skip(1)) _faults.Add(document.At, "#", "a file of rules is one document");
        if (documents is not [var first, ..]) return;
        if (first.Kind is not NodeKind.Map)
        {
            _faults.Add(first.At, "#", $"a file of rules maps names to rules; this is {first.Said}");
            return;
        }
        foreach (var entry in first.Entries) Read(entry);
        foreach (var entry in first.Entries) Follow(entry);
    }

    private AccessRule Default(DefaultRule rule)
    {
        var faults = new List<RuleLanguage.Fault>();
        var check = _language.Parse(rule.Text, faults);
        Invariant.Holds(faults.Count == 0, $"the default of {rule.Name} is a rule");
        return new AccessRule(rule.Name, rule.Text, check, null);
    }

    private void Read(NodeEntry entry)
    {
        if (entry.Key.StartsWith(Prefix, StringComparison.Ordinal) && !_rules.ContainsKey(entry.Key))
        {
            var near = Nearest.To(entry.Key, _rules.Keys);
            _faults.Add(entry.At, "#", $"there is no operation {entry.Key}"
                + (near is null ? "; `lifeboat access sample` lists them" : $"; did you mean {near}?"));
            return;
        }
        var faults = new List<(DeclaredNode Node, RuleLanguage.Fault Fault)>();
        var (check, text) = Parse(entry.Value, faults);
        foreach (var (node, fault) in faults) _faults.Add(Place(node, fault), "#", $"{entry.Key}: {fault.Detail}");
        _rules[entry.Key] = new AccessRule(entry.Key, text, check, entry.Value.At);
    }

    // A text in the rule language; or, as it was once written, a list of alternatives, each a check or a list of checks
    // that all have to hold.
    private (AccessCheck Check, string Text) Parse(DeclaredNode node,
        List<(DeclaredNode Node, RuleLanguage.Fault Fault)> faults)
    {
        if (Slip(node) is { } slip)
        {
            faults.Add((node, new RuleLanguage.Fault(0, "", slip)));
            return (new Always(false), "!");
        }
        if (node.Kind is NodeKind.Text)
        {
            var found = new List<RuleLanguage.Fault>();
            var check = _language.Parse(node.Text, found);
            faults.AddRange(found.Select(f => (node, f)));
            return (check, node.Text.ReplaceLineEndings(" ").Trim());
        }
        var any = new List<AccessCheck>();
        foreach (var inner in node.Items)
        {
            var all = new List<AccessCheck>();
            foreach (var item in inner.Kind is NodeKind.List ? inner.Items : [inner])
            {
                var found = new List<RuleLanguage.Fault>();
                if (item.Kind is NodeKind.Text) all.Add(_language.Check(item.Text, 0, found));
                else found.Add(new RuleLanguage.Fault(0, "", $"a check is text, not {item.Said}"));
                faults.AddRange(found.Select(f => (item, f)));
            }
            if (all.Count > 0) any.Add(all is [var one] ? one : new Both(all));
        }
        AccessCheck whole = node.Items.Count == 0 ? new Always(true)
            : any.Count == 0 ? new Always(false) : any is [var only] ? only : new Either(any);
        return (whole, whole.ToString());
    }

    // YAML reads some of what one would write without quotation marks as nothing at all, and nothing lets everybody.
    private string? Slip(DeclaredNode node) => node.Kind switch
    {
        NodeKind.Map => $"a rule is text, not {node.Said}",
        NodeKind.Text when _lines[node.At.Line - 1][(node.At.Column - 1)..].StartsWith('!') =>
            "YAML takes an exclamation mark without quotation marks for a tag: write \"!\"",
        NodeKind.Text when node.IsNull =>
            "the rule is missing; \"\" or \"@\" lets everybody, \"!\" nobody",
        _ => null,
    };

    // Where in the file the text of a fault is: as often as it is in the rule before it, it is in the file too.
    private FilePlace Place(DeclaredNode node, RuleLanguage.Fault fault)
    {
        if (fault.Found.Length == 0 || node.Kind is not NodeKind.Text) return node.At;
        var before = Count(node.Text[..fault.At], fault.Found);
        var (line, column) = (node.At.Line - 1, node.At.Column - 1);
        for (; line < _lines.Length; (line, column) = (line + 1, 0))
            while ((column = _lines[line].IndexOf(fault.Found, Math.Min(column, _lines[line].Length),
                StringComparison.Ordinal)) >= 0)
            {
                if (before-- == 0) return node.At with { Line = line + 1, Column = column + 1 };
                column += fault.Found.Length;
            }
        return node.At;
    }

    private static int Count(string text, string found)
    {
        var count = 0;
        for (var i = text.IndexOf(found, StringComparison.Ordinal); i >= 0;
            i = text.IndexOf(found, i + found.Length, StringComparison.Ordinal)) count++;
        return count;
    }

    // Rules that name rules: each has to be there, and none may come back to itself.
    private void Follow(NodeEntry entry)
    {
        if (!_rules.TryGetValue(entry.Key, out var rule)) return;
        foreach (var name in References(rule.Check).Distinct())
            if (!_rules.ContainsKey(name))
            {
                var near = Nearest.To(name, _rules.Keys);
                _faults.Add(Place(entry.Value, new RuleLanguage.Fault(0, $"rule:{name}", "")), "#",
                    $"{entry.Key}: there is no rule {name}" + (near is null ? "" : $"; did you mean {near}?"));
            }
        if (Circle(entry.Key, entry.Key, []) is { } circle)
            _faults.Add(entry.At, "#", $"{entry.Key} comes back to itself: {string.Join(" → ", circle)}");
    }

    private List<string>? Circle(string start, string at, HashSet<string> seen)
    {
        if (!_rules.TryGetValue(at, out var rule) || !seen.Add(at)) return null;
        foreach (var next in References(rule.Check))
            if (next == start) return [at, next];
            else if (Circle(start, next, seen) is { } rest) return [at, .. rest];
        return null;
    }

    /// <summary>The rules that a check names itself.</summary>
    public static IEnumerable<string> References(AccessCheck check) => check switch
    {
        RuleCheck rule => [rule.Name],
        Otherwise otherwise => References(otherwise.Check),
        Both both => both.Checks.SelectMany(References),
        Either either => either.Checks.SelectMany(References),
        _ => [],
    };
}
