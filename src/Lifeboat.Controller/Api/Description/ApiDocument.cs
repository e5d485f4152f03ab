// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace Lifeboat.Controller.Api.Description;

/// <summary>The OpenAPI 3.1 document of `/v1`, made from the endpoints and the contracts' own comments.</summary>
internal static class ApiDocument
{
    public const string Name = "v1"; // the framework's default, which a route without {documentName} serves
    public const string Route = "/v1/openapi.json";
    private const string Bearer = "bearer";
    private const string AuthToken = "authToken";

    private static readonly Dictionary<string, string> Parameters = new(StringComparer.Ordinal)
    {
        ["group"] = "Name of the protection group.",
        ["volume"] = "Volume, `INSTANCE.DISK`.",
        ["point"] = "Id of the recovery point.",
        ["run"] = "Id of the run.",
        ["evacuation"] = "Id of the evacuation.",
        ["peer"] = "Name of the paired site.",
        ["application"] = "Name of the application.",
        ["name"] = "Its name.",
        ["view"] = "Name of the view.",
        ["pin"] = "Whose pin it is.",
        ["operation"] = "Id of the operation.",
        ["alert"] = "Id of the alert.",
    };

    // The call is replaced at compile time by one that knows the XML comments of this project and of those it uses.
    public static void AddApiDocument(this IServiceCollection services) => services.AddOpenApi(Name, options =>
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.ShouldInclude = api => api.RelativePath is { } path
            && (path.StartsWith("v1/", StringComparison.Ordinal) || path is "metrics" or "readyz");
        options.AddDocumentTransformer((document, _, _) => CompleteAsync(document));
        options.AddOperationTransformer((operation, context, _) => CompleteAsync(operation, context));
        options.AddSchemaTransformer((schema, context, _) => ApiSchemas.CompleteAsync(schema, context));
    });

    private static Task CompleteAsync(OpenApiDocument document)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Lifeboat controller",
            Version = SiteEndpoints.Version,
            Description = "The API of a site's controller: over its unix socket, where the permissions of the file "
                + "are the identity, and over TLS with a token. Every refusal is problem details (RFC 9457) with a "
                + "`reason`; a request with several faults is told all of them.",
            License = new OpenApiLicense { Name = "Apache-2.0", Identifier = "Apache-2.0" },
        };
        // Where it is served is not part of what it says: the document is the same from every site.
        document.Servers = [new OpenApiServer { Url = "/" }];
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            [Bearer] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "An API token, or a token of the configured OpenID provider. Not asked for on the unix "
                    + "socket.",
            },
            [AuthToken] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = "X-Auth-Token",
                Description = "The same, as OpenStack clients send it.",
            },
        };
        document.Security =
        [
            new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Bearer, document)] = [] },
            new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(AuthToken, document)] = [] },
        ];
        ApiSchemas.Complete(document);
        document.Tags = document.Paths.SelectMany(p => p.Value.Operations ?? [])
            .SelectMany(o => o.Value.Tags?.ToArray() ?? [])
            .Select(t => t.Name!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)
            .Select(n => new OpenApiTag { Name = n }).ToHashSet();
        return Task.CompletedTask;
    }

    private static Task CompleteAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        var route = "/" + context.Description.RelativePath;
        operation.Tags = new HashSet<OpenApiTagReference>
        {
            new(ApiOperations.TagOf(route), context.Document),
        };
        if (metadata.OfType<ApiOperation>().SingleOrDefault() is { } known)
        {
            operation.Summary = known.Summary;
            operation.Description = known.Description;
            AddParameters(operation, known);
        }
        foreach (var parameter in operation.Parameters ?? [])
            if (parameter.Name is { } name && Parameters.TryGetValue(name, out var description))
                parameter.Description ??= description;
        AddRefusals(operation, metadata.OfType<ApiReasons>().Single());
        return Task.CompletedTask;
    }

    private static void AddParameters(OpenApiOperation operation, ApiOperation known)
    {
        operation.Parameters ??= [];
        foreach (var parameter in known.List?.Parameters ?? [])
            operation.Parameters.Add(Parameter(parameter.Name, ParameterLocation.Query, parameter.Description,
                parameter.Type == typeof(int) ? JsonSchemaType.Integer : JsonSchemaType.String));
        if (known is { Changes: true, AnswersSecret: false })
            operation.Parameters.Add(Parameter(RequestKey.Header, ParameterLocation.Header, "Said again with the same "
                + "request within 24 h, what was done is not done again, and the same is answered.",
                JsonSchemaType.String));
        if (known.Changes)
            operation.Parameters.Add(Parameter(DryRunAnswer.Parameter, ParameterLocation.Query, "`true`: it is "
                + "checked, and nothing is done; the answer has the header `Lifeboat-Dry-Run`.",
                JsonSchemaType.Boolean));
        if (known.MayBeAsync)
            operation.Parameters.Add(Parameter("Prefer", ParameterLocation.Header, "`respond-async`: 202 at once, with "
                + "the `Location` of an operation.", JsonSchemaType.String));
        if (known.Edits)
            operation.Parameters.Add(Parameter("If-Match", ParameterLocation.Header, "The group's `ETag`: only the "
                + "definition that was read is changed.", JsonSchemaType.String));
        if (known.Method == "GET" && known.MediaType == "application/json")
            operation.Parameters.Add(Parameter("If-None-Match", ParameterLocation.Header, "The `ETag` of an answer: "
                + "304 while it would be the same.", JsonSchemaType.String));
    }

    private static OpenApiParameter Parameter(string name, ParameterLocation place, string description,
        JsonSchemaType type) => new()
    {
        Name = name,
        In = place,
        Description = description,
        Schema = new OpenApiSchema { Type = type },
    };

    private static void AddRefusals(OpenApiOperation operation, ApiReasons reasons)
    {
        foreach (var (status, list) in reasons.ByStatus)
            if (operation.Responses?.GetValueOrDefault(status.ToString(null, null)) is OpenApiResponse response)
                response.Description = "Refused: " + string.Join(", ", list.Select(r => $"`{Shown(r)}`")) + ".";
        var sorted = new OpenApiResponses();
        foreach (var (status, response) in (operation.Responses ?? []).OrderBy(r => r.Key, StringComparer.Ordinal))
            sorted.Add(status, response);
        operation.Responses = sorted;
    }

    private static string Shown(ReasonCode reason) => JsonNamingPolicy.KebabCaseLower.ConvertName(reason.ToString());
}
