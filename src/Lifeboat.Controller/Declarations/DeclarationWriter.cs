// SPDX-License-Identifier: Apache-2.0
using System.Collections;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Lifeboat.Controller.Declarations;

/// <summary>Documents as YAML, the way a person would write them.</summary>
internal static class DeclarationWriter
{
    public static string Write(IEnumerable<ExportedDocument> documents, string site)
    {
        var text = new StringWriter { NewLine = "\n" };
        text.WriteLine($"# Site {site}, as `lifeboat apply -f` takes it (docs/formats/declarations.md).");
        var emitter = new Emitter(text, new EmitterSettings(2, int.MaxValue, false, 1024, false, true, "\n"));
        emitter.Emit(new StreamStart());
        foreach (var document in documents)
        {
            emitter.Emit(new DocumentStart(null, null, isImplicit: false));
            Map(emitter, [("kind", document.Kind), .. document.Fields]);
            emitter.Emit(new DocumentEnd(isImplicit: true));
        }
        emitter.Emit(new StreamEnd());
        return text.ToString();
    }

    private static void Map(Emitter emitter, IEnumerable<(string Field, object? Value)> fields)
    {
        emitter.Emit(new MappingStart(AnchorName.Empty, TagName.Empty, true, MappingStyle.Block));
        foreach (var (field, value) in fields.Where(f => IsSaid(f.Value)))
        {
            Text(emitter, field);
            Value(emitter, value!);
        }
        emitter.Emit(new MappingEnd());
    }

    private static void Value(Emitter emitter, object value)
    {
        if (value is string text) Text(emitter, text);
        else if (value is IEnumerable<(string, object?)> fields) Map(emitter, fields);
        else
        {
            var items = ((IEnumerable)value).Cast<object>().ToList();
            // Names stand in a row, mappings below each other.
            var style = items.TrueForAll(i => i is string) ? SequenceStyle.Flow : SequenceStyle.Block;
            emitter.Emit(new SequenceStart(AnchorName.Empty, TagName.Empty, true, style));
            foreach (var item in items) Value(emitter, item);
            emitter.Emit(new SequenceEnd());
        }
    }

    // What would be read as nothing is quoted; everything else is text to whoever reads these documents.
    private static void Text(Emitter emitter, string text) => emitter.Emit(new Scalar(AnchorName.Empty, TagName.Empty,
        text, text is "" or "~" or "null" ? ScalarStyle.DoubleQuoted : ScalarStyle.Any, true, true));

    private static bool IsSaid(object? value) => value is not null
        && (value is string || value is IEnumerable items && items.Cast<object>().Any());
}
