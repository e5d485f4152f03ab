// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Lifeboat.Controller.Declarations;

// The parser of the library ends at its first fault. So that a slip in one document does not hide those of the others,
// each is parsed alone: a line that begins with `---` is the beginning of one wherever it stands (YAML 1.2 §9.1.2
// forbids it inside of anything else).

/// <summary>The documents of a file, each with the place of everything in it.</summary>
internal static partial class YamlDocuments
{
    private const int DepthMax = 32;

    public static IReadOnlyList<DeclaredNode> Read(DeclarationFile file, DeclarationFaults faults)
    {
        var documents = new List<DeclaredNode>();
        foreach (var (line, text) in Parts(file.Text))
        {
            try
            {
                documents.AddRange(new Composer(file.Name, line, faults).Compose(text).Where(d => !d.IsNull));
            }
            catch (YamlException e)
            {
                var at = new FilePlace(file.Name, (int)e.Start.Line + line, (int)e.Start.Column);
                faults.Add(at, "#", $"this is no YAML: {Message(e)}; the rest of the document is not looked at");
                foreach (Match name in NameLine().Matches(text)) faults.Unread.Add(name.Groups[1].Value);
            }
        }
        return documents;
    }

    // Some of the library's messages begin with the place, which is said already, and not in this file's lines.
    private static string Message(YamlException e) => e.Message.StartsWith('(')
        ? e.Message[(e.Message.IndexOf("): ", StringComparison.Ordinal) + 3)..].TrimEnd('.') : e.Message.TrimEnd('.');

    /// <returns>For each document how many lines are before it, and its text.</returns>
    private static IEnumerable<(int Line, string Text)> Parts(string text)
    {
        var lines = text.TrimStart('\uFEFF').Split('\n');
        var first = 0;
        for (var i = 1; i < lines.Length; i++)
        {
            var line = lines[i].TrimEnd('\r');
            var begins = line.StartsWith("---", StringComparison.Ordinal)
                && (line.Length == 3 || char.IsWhiteSpace(line[3]));
            // Directives (`%YAML 1.2`) stand before the line that begins their document.
            if (!begins || lines[first..i].All(l => l.Trim().Length == 0 || l[0] is '%' or '#')) continue;
            yield return (first, string.Join('\n', lines[first..i]) + '\n');
            first = i;
        }
        yield return (first, string.Join('\n', lines[first..]));
    }

    [GeneratedRegex(@"\b(?:name|group|peer)\s*:\s*[""']?([a-z0-9-]+)")]
    private static partial Regex NameLine();

    private sealed class Composer(string file, int line, DeclarationFaults faults)
    {
        private readonly Dictionary<string, DeclaredNode> _anchors = new(StringComparer.Ordinal);

        public List<DeclaredNode> Compose(string text)
        {
            var documents = new List<DeclaredNode>();
            var parser = new Parser(new StringReader(text));
            parser.Consume<StreamStart>();
            while (parser.TryConsume<DocumentStart>(out _))
            {
                _anchors.Clear();
                documents.Add(Node(parser, 0));
                parser.Consume<DocumentEnd>();
            }
            return documents;
        }

        private DeclaredNode Node(Parser parser, int depth)
        {
            if (parser.TryConsume<AnchorAlias>(out var alias))
                return _anchors.GetValueOrDefault(alias.Value.Value) ?? throw new YamlException(alias.Start, alias.End,
                    $"there is no anchor &{alias.Value.Value} before this");
            var start = parser.Current as NodeEvent
                ?? throw new YamlException($"something else than a value: {parser.Current}");
            if (depth > DepthMax)
                throw new YamlException(start.Start, start.End, $"it is nested deeper than {DepthMax}");
            if (!start.Tag.IsEmpty && !start.Tag.IsNonSpecific && start.Tag.Value != "tag:yaml.org,2002:str")
                faults.Add(At(start), "#", $"the tag {start.Tag.Value} is not used here; quote what is to be text");
            var node = start switch
            {
                Scalar => Text(parser),
                SequenceStart => List(parser, depth),
                _ => Map(parser, depth),
            };
            if (!start.Anchor.IsEmpty) _anchors[start.Anchor.Value] = node;
            return node;
        }

        private DeclaredNode Text(Parser parser)
        {
            var scalar = parser.Consume<Scalar>();
            return new DeclaredNode(NodeKind.Text, At(scalar))
            {
                Text = scalar.Value,
                IsPlain = scalar.Style is ScalarStyle.Plain && scalar.Tag.IsEmpty,
            };
        }

        private DeclaredNode List(Parser parser, int depth)
        {
            var start = parser.Consume<SequenceStart>();
            var items = new List<DeclaredNode>();
            while (!parser.TryConsume<SequenceEnd>(out _)) items.Add(Node(parser, depth + 1));
            return new DeclaredNode(NodeKind.List, At(start)) { Items = items };
        }

        private DeclaredNode Map(Parser parser, int depth)
        {
            var start = parser.Consume<MappingStart>();
            var entries = new Dictionary<string, NodeEntry>(StringComparer.Ordinal);
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var key = Node(parser, depth + 1);
                var value = Node(parser, depth + 1);
                if (key.Kind is not NodeKind.Text)
                    faults.Add(key.At, "#", $"a name of a field is text, not {key.Said}");
                else if (entries.TryGetValue(key.Text, out var first))
                    faults.Add(key.At, $"#/{key.Text}", $"'{key.Text}' is there twice, first in line {first.At.Line}");
                else entries.Add(key.Text, new NodeEntry(key.Text, key.At, value));
            }
            return new DeclaredNode(NodeKind.Map, At(start)) { Entries = [.. entries.Values] };
        }

        private FilePlace At(ParsingEvent e) => new(file, (int)e.Start.Line + line, (int)e.Start.Column);
    }
}
