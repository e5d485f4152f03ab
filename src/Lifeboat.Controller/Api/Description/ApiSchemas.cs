// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Lifeboat.Controller.Api.Description;

/// <summary>What the schemas of contracts say beyond what the framework makes of their types.</summary>
internal static partial class ApiSchemas
{
    public static async Task CompleteAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context)
    {
        var type = Nullable.GetUnderlyingType(context.JsonTypeInfo.Type) ?? context.JsonTypeInfo.Type;
        if (type == typeof(TimeSpan))
        {
            (schema.Type, schema.Format) = (Type(schema, JsonSchemaType.String), "duration-hms");
            schema.Pattern = @"^-?(\d+\.)?\d{2}:\d{2}:\d{2}(\.\d{1,7})?$";
            schema.Examples = ["00:15:00"];
        }
        else if (type == typeof(Epoch))
        {
            (schema.Type, schema.Format) = (Type(schema, JsonSchemaType.Integer), "int64");
        }
        else if (type == typeof(Retention))
        {
            schema.Type = Type(schema, JsonSchemaType.String);
            schema.Examples = ["all:1h,1m:1d,1h:7d"];
        }
        else if (type == typeof(QuiesceRules))
        {
            schema.Type = Type(schema, JsonSchemaType.Array);
            schema.Items = await context.GetOrCreateSchemaAsync(typeof(QuiesceRule));
        }
        foreach (var member in context.JsonTypeInfo.Properties)
        {
            if (schema.Properties is { } properties && properties.TryGetValue(member.Name, out var property)
                && property is OpenApiSchema own)
                own.ReadOnly = !JsonMembers.IsGiven(member);
        }
        if (schema.Properties is { Count: > 0 })
        {
            schema.Required = context.JsonTypeInfo.Properties.Where(JsonMembers.IsRequired)
                .Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        }
    }

    /// <summary>
    /// A field that nobody knows is a fault in a request. In an answer it is one that a newer controller says more.
    /// </summary>
    public static void Complete(OpenApiDocument document)
    {
        var schemas = document.Components!.Schemas ?? new Dictionary<string, IOpenApiSchema>();
        var sent = new HashSet<string>(StringComparer.Ordinal);
        foreach (var operation in document.Paths.SelectMany(p => p.Value.Operations ?? []))
            foreach (var body in operation.Value.RequestBody?.Content?.Values.ToArray() ?? [])
                Reach(body.Schema, schemas, sent);
        foreach (var (name, schema) in schemas)
        {
            Straighten(schema);
            // The serializer passes over what it does not know, for peers' sake; RequestFaults looks before it.
            if (schema is OpenApiSchema { Properties.Count: > 0 } own)
                own.AdditionalPropertiesAllowed = !sent.Contains(name);
        }
    }

    private static void Reach(IOpenApiSchema? schema, IDictionary<string, IOpenApiSchema> all, HashSet<string> reached)
    {
        if (schema is OpenApiSchemaReference { Reference.Id: { } id })
        {
            if (reached.Add(id)) Reach(all[id], all, reached);
            return;
        }
        foreach (var part in Parts(schema)) Reach(part, all, reached);
    }

    // Comments are broken into lines where the source is, which says nothing here.
    private static void Straighten(IOpenApiSchema schema)
    {
        if (schema.Description is { } text) schema.Description = Space().Replace(text.Trim(), " ");
        if (schema is OpenApiSchemaReference) return;
        foreach (var part in Parts(schema)) Straighten(part);
    }

    private static IEnumerable<IOpenApiSchema> Parts(IOpenApiSchema? schema) =>
        new[] { schema?.Items, schema?.AdditionalProperties }.OfType<IOpenApiSchema>()
            .Concat(schema?.Properties?.Values.ToArray() ?? []).Concat(schema?.OneOf ?? []);

    private static JsonSchemaType Type(OpenApiSchema schema, JsonSchemaType type) =>
        schema.Type is { } known && known.HasFlag(JsonSchemaType.Null) ? type | JsonSchemaType.Null : type;

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
